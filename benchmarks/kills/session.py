"""A command in a session of its own, which is killed after so many seconds of computing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

POLL = 0.05  # seconds


def start(command: Sequence[str], errors: IO | int) -> subprocess.Popen:
    """Starts `python -m MODULE arguments` in a session of its own."""
    return subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True)


def wait(process: subprocess.Popen, watch: Callable[[], None], most: float = float("inf")) -> float:
    """Waits until a command ends, or its processes have computed for `most` seconds.

    Args:
      process: the command.
      watch: is called all the time.
      most: seconds of computing. They count better than seconds of waiting on a machine that others use too.

    Returns:
      Seconds of computing.
    """
    seconds = 0.0
    while process.poll() is None and seconds < most:
        watch()
        time.sleep(POLL)
        seconds = max(seconds, computed(process.pid))
    return seconds


def kill(process: subprocess.Popen, alone: bool) -> None:
    """Kills a command with SIGKILL: its first process alone, as the kernel does when memory is short, or all of them."""
    if alone:
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def computed(session: int) -> float:
    """Seconds that the processes of a session have computed, with children that have ended."""
    ticks = sum(sum(map(int, fields[11:15])) for fields in _processes(session).values())
    return ticks / os.sysconf("SC_CLK_TCK")


def left_behind(session: int, patience: float = 20.0) -> list[int]:
    """Processes of a session that are there although its first process was killed; they have `patience` seconds to end."""
    end = time.monotonic() + patience
    while (processes := list(_processes(session))) and time.monotonic() < end:
        time.sleep(POLL)
    return processes


def _processes(session: int) -> dict[int, list[str]]:
    """The fields of /proc/PID/stat, from the state on, of each process of a session that has not ended."""
    processes = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            processes[int(folder.name)] = fields
    return processes
