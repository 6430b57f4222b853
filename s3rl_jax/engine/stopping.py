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

from s3rl_jax.core.errors import LostProcess, NonFiniteLoss, NotSaved, Preempted, UserError
from s3rl_jax.engine.processes import lost
from s3rl_jax.runs.workdir import saved_steps

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES)


class Preemption:
    """Listens for SIGTERM, by which schedulers announce that they take the machine away; a context manager.

    A single process listens itself. Several processes let JAX's distributed runtime listen: it names a step at which they
    all stop, even if only one of them received the signal.
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
        """Tells whether to save and stop now, after the steps `before` + 1 to `step`. All processes must call it.

        JAX names the next step that no process has queried yet, so each step is queried; Orbax queries by steps too.
        """
        if jax.process_count() == 1:
            return self._signalled
        answers = [multihost_utils.reached_preemption_sync_point(each) for each in range(before + 1, step + 1)]
        return any(answers)

    def _on_signal(self, number, frame):
        self._signalled = True


@contextlib.contextmanager
def in_one_line(workdir: Path) -> Iterator[None]:
    """Turns disk-full and lost-peer errors of the block inside into NotSaved and LostProcess.

    Raises:
      NotSaved: for a disk error of the operating system, raised directly or through TensorStore.
      LostProcess: for an error of a collective operation that means that another process is gone.
    """
    try:
        yield
    except (NonFiniteLoss, Preempted, UserError):
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        if lost(error):
            raise LostProcess(f"another process of this run died or cannot be reached ({text[:200]})") from error
        path = getattr(error, "filename", None)  # of an OSError
        if path and not Path(path).absolute().is_relative_to(workdir.absolute()):
            raise  # the error is of another folder, such as the corpus
        code = error.errno if isinstance(error, OSError) else int((re.findall(r"os_error_code='(\d+)'", text) or [0])[0])
        if code not in DISK:
            raise
        steps = saved_steps(workdir)
        last = f"the checkpoint of step {steps[-1]} is whole" if steps else "there is no checkpoint yet"
        raise NotSaved(
            f"{workdir}: {os.strerror(code)}; {last}. Make room, or whatever it lacks, and give the same command again"
        ) from error
