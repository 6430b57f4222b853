"""A lock on a folder, so that two commands do not write there at once."""

import contextlib
import datetime
import errno
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from s3rl_jax.core.durable import errors_naming
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER

LOCK = ".lock"  # the file stays in the folder; it locks nothing once no process holds it


@contextlib.contextmanager
def locked(folder: Path, flag: str) -> Iterator[None]:
    """Creates a folder, and locks it while the block inside runs.

    The operating system releases the lock when the process dies, whatever kills it. Other hosts do not see the lock, unless
    the file system shares locks between hosts; on Windows there is none. The lock works between processes, not within one:
    there, the first of several blocks to end releases it.

    Args:
      folder: the folder that the block writes to.
      flag: the flag that names the folder, for the message.

    Raises:
      UserError: if another process holds the lock; names the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows, on which detectors run and recordings are made, has none
        yield
        return
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                LOGGER.warning(f"{folder} cannot be locked: {error.strerror}; let no second command write there")
                yield
                return
            file.seek(0)
            holder = " ".join(file.read().split()) or "another process"
            raise UserError(f"{flag}={folder}: {holder} works there; wait until it ends, or name another folder") from None
        with errors_naming(folder / LOCK):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}, since {_now()}, {_command()},")
            file.flush()
        yield


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(" ", "seconds")


def _command() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    name = f"python -m {spec.name.removesuffix('.__main__')}" if spec else Path(sys.argv[0]).name
    return shlex.join([*name.split(), *sys.argv[1:]])
