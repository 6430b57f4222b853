"""The ways in which a run ends before its last step: SIGTERM, a full disk, a lost process."""

import contextlib
import errno
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import jax
from jax.experimental import multihost_utils

from s3rl_jax.core.errors import LostProcess, NonFiniteLoss, NotSaved, Preempted, UserError, one_line
from s3rl_jax.engine.processes import lost
from s3rl_jax.runs.workdir import saved_steps

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES)


class Preemption:
    """Handles SIGTERM, with which schedulers announce that they take the machine away; a context manager.

    A single process has a signal handler. Several processes use JAX's distributed runtime: it chooses a step at which all
    of them stop, even if only one of them received the signal.
    """

    def __init__(self):
        self._signalled, self._previous = False, None
        self._listens = jax.process_count() == 1 and threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "Preemption":
        if self._listens:
            self._previous = signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(self, *error) -> None:
        if self._listens:
            signal.signal(signal.SIGTERM, self._previous or signal.SIG_DFL)

    def reached(self, before: int, step: int) -> bool:
        """Whether to save and stop now, after the steps `before` + 1 to `step`. All processes must call it.

        JAX stops the processes at a step that none of them has queried yet, so each step has to be queried.
        """
        if jax.process_count() == 1:
            return self._signalled
        reached = [multihost_utils.reached_preemption_sync_point(each) for each in range(before + 1, step + 1)]
        return any(reached)

    def _on_signal(self, number, frame):
        self._signalled = True


@contextlib.contextmanager
def in_one_line(workdir: Path) -> Iterator[None]:
    """Turns errors of the disk and of lost processes in the block inside into NotSaved and LostProcess.

    Raises:
      NotSaved: for a disk error of the operating system, raised directly or through TensorStore.
      LostProcess: for an error of a collective operation that means that another process died.
    """
    try:
        yield
    except (NonFiniteLoss, Preempted, UserError):
        raise
    except Exception as error:
        text = one_line(error)
        if lost(error):
            raise LostProcess(f"another process of this run died or cannot be reached ({text[:200]})") from error
        path = getattr(error, "filename", None)  # an OSError has one
        if path and not Path(path).absolute().is_relative_to(workdir.absolute()):
            raise  # the error concerns another folder, such as the corpus
        code = error.errno if isinstance(error, OSError) else int((re.findall(r"os_error_code='(\d+)'", text) or [0])[0])
        if code not in DISK:
            raise
        steps = saved_steps(workdir)
        last = f"the checkpoint of step {steps[-1]} is whole" if steps else "there is no checkpoint yet"
        raise NotSaved(
            f"{workdir}: {os.strerror(code)}; {last}. Solve that, for example make room, and give the same command again"
        ) from error
