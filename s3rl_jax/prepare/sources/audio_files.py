"""Audio files of this machine, divided into shards."""

import dataclasses
import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s3rl_jax.audio.read import SAMPLE_RATE, UnreadableAudio, read_audio
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.layout import Recording
from s3rl_jax.prepare.recordings import recording_of
from s3rl_jax.prepare.shards import Rejected, ShardInput
from s3rl_jax.prepare.sources.manifest import SPLITS, TIMES, ManifestRow

MAX_SHARD_BYTES = 256 << 20  # of the files
TOLERANCE_SECONDS = 0.1  # of times beyond the end of a recording, which rounding explains
SPLIT_SHARDS = 16  # of a split, if it has files enough, so that all cores have one


@dataclasses.dataclass(frozen=True)
class AudioFiles(ShardInput):
    """The files of one shard.

    Attributes:
      rows: of the files.
      root: a recording is named by its path below this folder.
      bytes: of the files.
    """

    rows: tuple[ManifestRow, ...]
    root: Path
    bytes: int

    def __len__(self) -> int:
        return len(self.rows)

    def read(self) -> Iterator[Recording | Rejected]:
        for row in self.rows:
            try:
                audio = read_audio(row.path, channel=0 if row.kind == "impulse_response" else None)
            except UnreadableAudio as reason:
                yield Rejected(str(row.path), str(reason))
                continue
            if problem := _beyond_end(row, len(audio) / SAMPLE_RATE):
                yield Rejected(str(row.path), problem)
            else:
                yield recording_of(row, row.path.relative_to(self.root).as_posix(), audio)

    def identity(self) -> dict[str, Any]:
        """The rows with their paths below the root, and the size of the files: a source may be moved."""
        rows = [dataclasses.asdict(row) | {"path": row.path.relative_to(self.root).as_posix()} for row in self.rows]
        return {"rows": rows, "bytes": self.bytes}


def divide_files(rows: Sequence[ManifestRow], min_shard_files: int) -> tuple[dict[str, list[AudioFiles]], list[Rejected]]:
    """Divides the files of each split into shards; of rows that name the same file the first is taken.

    Returns:
      The shards of each split, and the rows that are left out.

    Raises:
      UserError: if all are left out.
    """
    first: dict[Path, ManifestRow] = {}
    rejected = []
    for row in rows:
        if problem := row.problem or _name_problem(row.path):
            rejected.append(Rejected(str(row.path).encode("utf-8", "backslashreplace").decode(), problem))
        elif first.setdefault(row.path, row) is not row:
            rejected.append(Rejected(str(row.path), "named twice; the first is taken"))
    if not first:
        path, reason = rejected[0]
        raise UserError(f"none of the {len(rejected)} files can be read; the first is {path}: {reason}")
    root = Path(os.path.commonpath([path.parent for path in first]))
    shards = {s: _shards([row for row in first.values() if row.split == s], root, min_shard_files) for s in SPLITS}
    return shards, rejected


def _shards(rows: list[ManifestRow], root: Path, min_files: int) -> list[AudioFiles]:
    """Consecutive files, in shards of about equal bytes. The same files always make the same shards."""
    if not rows:
        return []
    sizes = np.array([_size(row.path) for row in rows], np.int64)
    count = max(-(-int(sizes.sum()) // MAX_SHARD_BYTES), min(SPLIT_SHARDS, -(-len(rows) // min_files)))
    before = np.cumsum(sizes) - sizes  # a file goes where its first byte falls
    shard = np.minimum(before * count // max(int(sizes.sum()), 1), count - 1)
    starts = [*np.flatnonzero(np.diff(shard, prepend=-1)).tolist(), len(rows)]
    return [AudioFiles(tuple(rows[a:b]), root, int(sizes[a:b].sum())) for a, b in itertools.pairwise(starts)]


def _size(path: Path) -> int:
    """Bytes of a regular file; 0 for anything else."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _name_problem(path: Path) -> str:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "a name that is no UTF-8"
    return ""


def _beyond_end(row: ManifestRow, seconds: float) -> str:
    """The reason why a row's times do not fit the recording; empty if they do."""
    for name in TIMES:
        limit = seconds + TOLERANCE_SECONDS if name.endswith("_end_s") else seconds
        if (time := getattr(row, name)) > limit or (time == limit and name.endswith("_start_s")):
            return f"a time beyond the end: {name} {time:g} of {seconds:g} s"
    return ""
