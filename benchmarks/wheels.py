"""python -m benchmarks.wheels: for which platforms and versions of Python there are wheels of everything that is pinned.

It needs uv, which resolves for another platform than its own and downloads no wheel. For each platform and version it prints
the pins of requirements.txt without a wheel, and whether the extras of a device resolve from the bounds in setup.cfg.
"""

import configparser
import itertools
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from s3rl_jax.core.commandline import run
from s3rl_jax.core.errors import UserError

ROOT = Path(__file__).parent.parent
PLATFORMS = {
    "Linux x86-64": "x86_64-unknown-linux-gnu",
    "Linux aarch64": "aarch64-unknown-linux-gnu",
    "macOS arm64": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
OLDEST_MACOS = "14.0"
DEVICE = ("runtime", "microphone", "media", "wyoming")
PURE_SOURCE = ("promise",)  # pins of pure Python without a wheel anywhere; pip builds them


def main() -> None:
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [pin for pin in pins if re.split(r"[=<>]", pin)[0] not in PURE_SOURCE]
    extras = device_requirements()
    print("| platform | Python | pins without a wheel | device |\n| --- | --- | --- | --- |")
    for (name, platform), version in itertools.product(PLATFORMS.items(), VERSIONS):
        missing = ", ".join(without_wheel(pins, platform, version)) or "none"
        device = problem(extras, platform, version) or "resolves"
        print(f"| {name} | {version} | {missing} | {device} |", flush=True)


def device_requirements() -> list[str]:
    """The requirements of the package and of the extras that a device needs."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    sections = [parser["options"]["install_requires"], *(parser["options.extras_require"][extra] for extra in DEVICE)]
    lines = [line.strip() for section in sections for line in section.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def without_wheel(pins: Sequence[str], platform: str, version: str) -> list[str]:
    """Names of the pins that have no wheel for a platform and a version of Python; those of another platform are left out."""
    missing: list[str] = []
    while message := problem(pins, platform, version, "--no-deps"):
        named = re.search(r"Because (?:only )?([\w.-]+)(?:\{[^}]*\})?[=<>]", message)  # a marker of the platform in braces
        left = [pin for pin in pins if named is None or re.split(r"[=<>\s]", pin)[0] != named[1]]
        if named is None or len(left) == len(pins):
            raise UserError(f"uv: {message}")
        pins = left
        missing.append(named[1])
    return missing


def problem(requirements: Sequence[str], platform: str, version: str, *flags: str) -> str:
    """Resolves requirements with wheels alone; returns uv's first reason why they do not resolve, else an empty text."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(requirements))
        file.flush()
        command = ["uv", "pip", "compile", "--quiet", "--only-binary=:all:", "--python-platform", platform]
        command += ["--python-version", version, *flags, file.name]
        environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": OLDEST_MACOS}
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        except FileNotFoundError as error:
            raise UserError("uv: no such program; expected it on the PATH (pip install uv)") from error
    if not done.returncode:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return next((line for line in lines if "Because" in line), lines[0] if lines else "uv failed")


if __name__ == "__main__":
    run(main)
