"""Files that are there whole or not at all, whenever the machine dies."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def durably(path: Path, mode: str = "w") -> Iterator[IO]:
    """A file to write; it gets its name when it is closed and on disk."""
    unfinished = path.with_suffix(".tmp")
    with open(unfinished, mode, encoding=None if "b" in mode else "utf-8") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
