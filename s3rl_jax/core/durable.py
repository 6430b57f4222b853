"""Files that exist whole or not at all, even if the machine dies while they are written."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def errors_naming(path: Path) -> Iterator[None]:
    """Adds `path` to an OSError that names no file, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


@contextlib.contextmanager
def renamed(unfinished: Path, path: Path) -> Iterator[None]:
    """Renames a file that the block inside writes, and syncs, to `path`; after an error it is removed."""
    try:
        yield
        unfinished.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def durably(path: Path, mode: str = "w") -> Iterator[IO]:
    """Opens a temporary file to write to; it is renamed to `path` when it is closed and on disk.

    Several processes, on one machine or on many, may write the same file at once: the last one to finish wins. After an
    error the temporary file is removed, and an older file at `path` stays as it was.
    """
    unfinished = path.with_suffix(f".{socket.gethostname()}-{os.getpid()}.tmp")
    encoding = None if "b" in mode else "utf-8"
    with renamed(unfinished, path), errors_naming(path), open(unfinished, mode, encoding=encoding) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Writes several files that belong together: all of them are on disk before the first one is renamed to its path.

    Older files are replaced. A crash between two renames leaves a new file beside an old one; to notice that, one file has
    to hold a digest of the other.

    Raises:
      OSError: if one cannot be written; then the older files stay, and no temporary file is left.
    """
    unfinished = {path: path.with_name(f"{path.name}.tmp") for path in contents}
    try:
        for path, content in contents.items():
            with open(unfinished[path], "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, written in unfinished.items():
            written.replace(path)
    except OSError:
        for written in unfinished.values():
            with contextlib.suppress(OSError):
                written.unlink(missing_ok=True)
        raise


def json_lines(path: Path) -> list[Any]:
    """Reads the lines of a journal that are JSON; skips the others, such as one that a kill has cut off."""
    objects = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            objects.append(json.loads(line))
        except ValueError:
            continue
    return objects
