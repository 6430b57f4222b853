"""Audio files of this machine, divided into shards."""

import dataclasses
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from s3rl_jax.audio.read import UnreadableAudio, read_audio
from s3rl_jax.corpus.layout import Recording
from s3rl_jax.prepare.recordings import recording_of
from s3rl_jax.prepare.shards import Rejected, ShardInput
from s3rl_jax.prepare.sources.manifest import SPLITS, ManifestRow

MAX_SHARD_BYTES = 256 << 20  # of the files
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
            else:
                yield recording_of(row, row.path.relative_to(self.root).as_posix(), audio)


def divide_files(rows: Sequence[ManifestRow], min_shard_files: int) -> tuple[dict[str, list[AudioFiles]], list[Rejected]]:
    """Divides the files of each split into shards; of rows that name the same file the first is taken.

    Returns:
      The shards of each split, and the rows that are left out.
    """
    first: dict[Path, ManifestRow] = {}
    for row in rows:
        first.setdefault(row.path, row)
    repeated = [Rejected(str(row.path), "named twice; the first is taken") for row in rows if first[row.path] is not row]
    root = Path(os.path.commonpath([path.parent for path in first]))
    shards = {s: _shards([row for row in first.values() if row.split == s], root, min_shard_files) for s in SPLITS}
    return shards, repeated


def _shards(rows: list[ManifestRow], root: Path, min_files: int) -> list[AudioFiles]:
    """Consecutive files, in shards of about equal bytes. The same files always make the same shards."""
    if not rows:
        return []
    sizes = np.array([row.path.stat().st_size if row.path.is_file() else 0 for row in rows], np.int64)
    count = max(-(-int(sizes.sum()) // MAX_SHARD_BYTES), min(SPLIT_SHARDS, -(-len(rows) // min_files)))
    before = np.cumsum(sizes) - sizes  # a file goes where its first byte falls
    shard = np.minimum(before * count // max(int(sizes.sum()), 1), count - 1)
    starts = [*np.flatnonzero(np.diff(shard, prepend=-1)).tolist(), len(rows)]
    return [AudioFiles(tuple(rows[a:b]), root, int(sizes[a:b].sum())) for a, b in itertools.pairwise(starts)]
