"""Runs a command on hostile input in a process of its own, and judges how it ends."""

import importlib
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

from s3rl_jax.core import commandline

DEADLINE = 20.0  # seconds that a command may wait, or compute
POLL = 0.01  # seconds between two looks at the process
ADDRESS_SPACE = 16 << 30  # bytes; a command that reserves more fails instead of filling the machine
FILE_SIZE = 1 << 30  # bytes of a file that a command may write
MEGABYTES = {"train": 3000.0, "ablate": 3000.0, "evaluate": 2000.0, "export": 3000.0, "mine": 2000.0}
MOST_MEGABYTES = 600.0  # that other commands may take beside their libraries
MOST_MEGABYTES_OF_ALL = 6000.0  # above which a command is killed
LIBRARIES = 800.0  # MB that the libraries of a new interpreter take
FAULTS = ("traceback", "hang", "crash", "nonsense", "memory", "no message")


class Ending(NamedTuple):
    """How a process ended.

    Attributes:
      status: exit status; the negative number of the signal that ended it.
      output: standard output.
      errors: standard error.
      seconds: until it ended.
      megabytes: highest memory, without what the process that forked it had.
      stopped: why it was killed: `hang` or `memory`; empty if it ended by itself.
    """

    status: int
    output: str
    errors: str
    seconds: float
    megabytes: float
    stopped: str = ""


class Try(NamedTuple):
    """One hostile input.

    Attributes:
      command: module and arguments, such as ("detect", "m.tflite", "a.wav").
      complaint: returns what the command accepted or lost although it must not; empty if there is nothing.
      stdin: content of standard input.
    """

    command: tuple[str, ...]
    complaint: Callable[[Ending], str] = lambda ending: ""
    stdin: bytes = b""


def judge(ending: Ending, attempt: Try) -> tuple[str, str]:
    """Returns the verdict, `accepted`, `refused` or one of FAULTS, and a text about it."""
    last = ending.errors.strip().rpartition("\n")[2]
    if ending.stopped:
        return ending.stopped, f"{ending.seconds:.1f} s, {ending.megabytes:.0f} MB"
    if ending.status < 0:
        return "crash", signal.Signals(-ending.status).name
    if "Traceback (most recent call last)" in ending.errors:
        return "traceback", last[:300]
    if ending.status and not last.startswith("error: "):
        return "no message", f"status {ending.status}: {last[:300]}"
    if ending.megabytes > MEGABYTES.get(attempt.command[0], MOST_MEGABYTES):
        return "memory", f"{ending.megabytes:.0f} MB"
    if complaint := attempt.complaint(ending):
        return "nonsense", complaint[:300]
    return "refused" if ending.status else "accepted", last[:300]


def run_forked(attempt: Try, folder: Path, deadline: float = DEADLINE) -> Ending:
    """Runs a command in a copy of this process, which has imported its libraries already."""
    (folder / "stdin").write_bytes(attempt.stdin)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        _become(attempt, folder)
    code, usage, seconds, _, stopped = _watched(pid, deadline)
    before = float((folder / "before").read_text() or 0)
    return _ending(folder, code, seconds, usage.ru_maxrss / 1024 - before, stopped)


def run_whole(attempt: Try, folder: Path, deadline: float = DEADLINE) -> Ending:
    """Runs a command as a user does: a new interpreter, which imports the libraries."""
    (folder / "stdin").write_bytes(attempt.stdin)
    module, *arguments = attempt.command
    with open(folder / "stdin", "rb") as stdin, open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", f"s3rl_jax.{module}", *arguments],
            cwd=folder,
            stdin=stdin,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )
    code, _, seconds, highest, stopped = _watched(process.pid, deadline + DEADLINE)  # the imports take a while
    process.returncode = code
    return _ending(folder, code, seconds, highest - LIBRARIES, stopped)


def _become(attempt: Try, folder: Path) -> NoReturn:
    """Turns this process into the command; ends as the interpreter does: 0, the status of SystemExit, 1 after a traceback."""
    status = 1
    try:
        os.setsid()
        os.chdir(folder)
        Path("before").write_text(str(_megabytes(os.getpid(), "VmRSS")))  # a copy begins with its parent's memory
        for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_CREAT | os.O_WRONLY)):
            os.dup2(os.open(name, flags, 0o600), number)
        os.dup2(os.open("stderr", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), 2)
        sys.stdin, sys.stdout = (os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rw"))
        sys.stderr = os.fdopen(2, "w", errors="backslashreplace", closefd=False)  # as the interpreter opens it
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        module, *arguments = attempt.command
        sys.argv = [f"s3rl_jax.{module}", *arguments]
        commandline.run(importlib.import_module(f"s3rl_jax.{module}.__main__").main)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def _watched(pid: int, deadline: float) -> tuple[int, resource.struct_rusage, float, float, str]:
    """Waits for a process; kills it, and all of its session, at the deadline or when its memory explodes.

    Returns:
      Exit status, use of resources, seconds, highest memory that was seen in MB, and why it was killed, as in `Ending`.
    """
    begun, computed, progressed, stopped, highest = time.monotonic(), 0.0, 0.0, "", 0.0
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        seconds = time.monotonic() - begun
        if ended:
            return os.waitstatus_to_exitcode(status), usage, seconds, highest, stopped
        highest = max(highest, _megabytes(pid, "VmHWM"))
        if (now := _processor_seconds(pid)) > computed:
            computed, progressed = now, seconds
        if not stopped and highest > MOST_MEGABYTES_OF_ALL:
            stopped = "memory"
        # On a busy machine, a process that waits for a processor has more time.
        elif not stopped and seconds > deadline and (computed > deadline or seconds - progressed > deadline / 4):
            stopped = "hang"
        if stopped:
            os.killpg(pid, signal.SIGKILL)
        time.sleep(POLL)


def _ending(folder: Path, status: int, seconds: float, megabytes: float, stopped: str) -> Ending:
    output, errors = ((folder / name).read_bytes().decode("utf-8", "replace") for name in ("stdout", "stderr"))
    return Ending(status, output, errors, seconds, max(0.0, megabytes), stopped)


def _processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int, name: str) -> float:
    """A line of /proc/PID/status; 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
    except (OSError, StopIteration):
        return 0.0
