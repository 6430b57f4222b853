"""Why a run ends before its last step, and how it is asked to."""

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
    """SIGTERM, by which schedulers say that a machine is about to be taken away; to be used around the steps of a run.

    One process listens itself. Several let JAX's distributed runtime listen, which tells all of them of a step at which
    they stop together, although one of them alone may have been told.
    """

    def __init__(self):
        self._asked, self._before = False, None
        self._own = jax.process_count() == 1 and threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "Preemption":
        if self._own:
            self._before = signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(self, *error) -> None:
        if self._own:
            signal.signal(signal.SIGTERM, self._before or signal.SIG_DFL)

    def reached(self, before: int, step: int) -> bool:
        """Whether to save and stop now, after the steps `before` + 1 to `step`; to be asked by all processes.

        JAX names one step, the next that no process has asked about, so each is asked about; Orbax asks by steps too.
        """
        if jax.process_count() == 1:
            return self._asked
        answers = [multihost_utils.reached_preemption_sync_point(each) for each in range(before + 1, step + 1)]
        return any(answers)

    def _on_signal(self, number, frame):
        self._asked = True


@contextlib.contextmanager
def in_one_line(workdir: Path) -> Iterator[None]:
    """Around what reads, steps and writes: a full disk and a lost process are said as what they are.

    Raises:
      NotSaved: for what the system says of a disk, directly or through TensorStore.
      LostProcess: for what collectives say of another process.
    """
    try:
        yield
    except (NonFiniteLoss, Preempted, UserError):
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        if lost(error):
            raise LostProcess(f"another process of this run died or cannot be reached ({text[:200]})") from error
        named = getattr(error, "filename", None)  # of an OSError: what another folder lacks is no matter of this one
        if named and not Path(named).absolute().is_relative_to(workdir.absolute()):
            raise
        code = error.errno if isinstance(error, OSError) else int((re.findall(r"os_error_code='(\d+)'", text) or [0])[0])
        if code not in DISK:
            raise
        whole = saved_steps(workdir)
        kept = f"the checkpoint of step {whole[-1]} is whole" if whole else "there is no checkpoint yet"
        raise NotSaved(
            f"{workdir}: {os.strerror(code)}; {kept}. Make room, or whatever it lacks, and give the same command again"
        ) from error
