"""The platforms for which there are wheels of all libraries. As a script: one line and status 2 on any other platform.

launch/install.sh runs it with the user's Python before anything is installed, so that it must not need a recent one.
"""

import platform
import sys

OLDEST, NEWEST = (3, 11), (3, 13)  # versions of Python
MACHINES = {"Linux": ("x86_64", "aarch64"), "Darwin": ("arm64",)}
OLDEST_SYSTEM = {"Linux": (2, 28), "Darwin": (14, 0)}  # version of glibc, of macOS
EXPECTED = "expected Python 3.11 to 3.13 on Linux (x86_64 or aarch64, glibc 2.28 or newer) or macOS 14 or newer (arm64)"


def missing_wheels(python: tuple, system: str, machine: str, release: str) -> str:
    """Says why there are no wheels of all libraries; an empty text where there are.

    Args:
      python: major and minor version of Python.
      system: Linux, Darwin or Windows, as `platform.system` names them.
      machine: the processor, as `platform.machine` names it.
      release: version of glibc on Linux, empty with another C library; version of macOS on Darwin.
    """
    name = "Python {}.{} on {} {}".format(*python, system, machine)
    if system == "Windows":
        return name + ": only detectors run on Windows (pip install '.[runtime]'); train in WSL 2; " + EXPECTED
    newest_enough = OLDEST <= tuple(python) <= NEWEST and machine in MACHINES.get(system, ())
    if newest_enough and _version(release) >= OLDEST_SYSTEM[system]:
        return ""
    return name + " ({} {})".format("glibc" if system == "Linux" else "release", release or "unknown") + ": " + EXPECTED


def _version(text: str) -> tuple:
    numbers = text.split(".")[:2]
    return tuple(int(number) for number in numbers) if all(number.isdigit() for number in numbers) else (0, 0)


def _release() -> str:
    if platform.system() == "Darwin":
        return platform.mac_ver()[0]
    library, version = platform.libc_ver()
    return version if library == "glibc" else ""


if __name__ == "__main__":
    _problem = missing_wheels(sys.version_info[:2], platform.system(), platform.machine(), _release())
    if _problem:
        sys.stderr.write("error: " + _problem + "\n")
        sys.exit(2)
