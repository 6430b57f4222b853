"""Reads prepared corpora: the columns are held in memory, audio is read from disk when it is needed.

Audio is read without TensorFlow and without parsing: the index says at which byte of a record the samples begin, and records
are not compressed (int16 speech would hardly shrink).
"""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Int16

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.layout import (
    ATTRIBUTES,
    INDEX,
    NAME,
    NUMBERS,
    SUMMARY,
    TEXTS,
    VERSION,
    finished_folder,
    index_files,
    shard_name,
)
from s3rl_jax.corpus.starter import STARTER, starter_folder

OPEN_SHARDS = 512  # the most shards that are open at once, below the usual limit of 1024 open files


@dataclasses.dataclass(frozen=True)
class Clips:
    """The recordings of one or several splits and corpora.

    Attributes:
      columns: arrays with a value for each recording: TEXTS, NUMBERS, ATTRIBUTES, `placed`, and `corpus`, the index of the
        corpus that the recording is from.
      shards: paths of the shards, in the order of the recordings.
      ends: number of recordings in all shards up to and including each one.
      corpora: number of corpora.
      places: the place of each recording among all recordings of the shards; None: there are all of them.
    """

    columns: dict[str, np.ndarray]
    shards: tuple[str, ...]
    ends: Int[np.ndarray, "shards"]
    corpora: int
    places: Int[np.ndarray, "recordings"] | None = None

    def __len__(self) -> int:
        return len(self.columns["samples"])

    @property
    def hours(self) -> float:
        return float(self.columns["samples"].sum()) / SAMPLE_RATE / 3600

    def rows(self, mask: Bool[np.ndarray, "recordings"]) -> Int[np.ndarray, "rows"]:
        """Indices of the recordings at which `mask` is True."""
        return np.flatnonzero(mask)

    def subset(self, rows: Int[np.ndarray, "rows"]) -> "Clips":
        """Some of the recordings, in the order of `rows`."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return dataclasses.replace(self, columns=columns, places=rows if self.places is None else self.places[rows])

    def audio(self, row: int | np.integer) -> Int16[np.ndarray, "samples"]:
        """Reads the samples of one recording at 16 kHz."""
        place = row if self.places is None else self.places[row]
        shard = int(np.searchsorted(self.ends, place, side="right"))
        first = self.ends[shard - 1] if shard else 0
        (record,) = _reader(self.shards[shard]).read([int(place - first)])
        return np.frombuffer(record, "<i2", int(self.columns["samples"][row]), int(self.columns["offset"][row]))


def corpus_paths(text: str, flag: str = "config.data.corpus") -> tuple[Path, ...]:
    """Splits a comma-separated list of corpora.

    Args:
      text: the list; `starter` in it is the starter set.
      flag: the flag or field that holds it, for the message.

    Raises:
      UserError: if the list is empty.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    paths = tuple(starter_folder() if name == STARTER else Path(name) for name in names)
    if not paths:
        raise UserError(f"{flag} is empty; expected a folder written by python -m s3rl_jax.prepare")
    return paths


def read_corpus(paths: str, split: str, flag: str = "--corpus") -> Clips:
    """Opens one corpus or several.

    Args:
      paths: folders that prepare wrote, comma-separated.
      split: train, validation or test, or several of them joined with +.
      flag: the flag or field that holds `paths`, for the message.

    Raises:
      UserError: if there is no finished corpus in a folder, or it has no such split.
    """
    columns: dict[str, list[np.ndarray]] = {name: [] for name in (*TEXTS, *NUMBERS, *ATTRIBUTES, "placed", "corpus")}
    shards, ends = [], [0]
    folders = [finished_folder(path, flag) for path in corpus_paths(paths, flag)]
    for corpus, folder in enumerate(folders):
        for name in split.split("+"):
            indices = _split_indices(folder, name, flag)
            for number, file in enumerate(indices):
                index = json.loads(file.read_text(encoding="utf-8"))
                for column in TEXTS:
                    columns[column].append(np.array(index[column], np.dtypes.StringDType()))
                for column in NUMBERS:
                    columns[column].append(np.array(index[column], np.int64))
                count = len(index["samples"])
                for column in ATTRIBUTES:
                    columns[column].append(np.array(index.get(column, [""] * count), np.dtypes.StringDType()))
                columns["placed"].append(np.array(index.get("placed", [False] * count), bool))
                columns["corpus"].append(np.full(count, corpus, np.int32))
                shards.append(str(folder / shard_name(name, number, len(indices))))
                ends.append(ends[-1] + count)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return Clips(joined, tuple(shards), np.array(ends[1:]), len(folders))


def has_speech(paths: str, split: str) -> bool:
    """Whether each of the corpora (comma-separated) has speech in the split."""
    summaries = [json.loads((path / NAME / VERSION / SUMMARY).read_text()) for path in corpus_paths(paths)]
    return all(any(row["split"] == split and row["kind"] == "speech" for row in s["splits"]) for s in summaries)


def _split_indices(folder: Path, split: str, flag: str) -> list[Path]:
    indices = index_files(folder, split)
    if not indices:
        splits = {file.name.rsplit("-", 1)[0] for file in (folder / INDEX).iterdir()}
        path = folder.parent.parent
        raise UserError(f"{flag}={path}: no split {split!r}; it has {', '.join(sorted(splits))}")
    return indices


@functools.lru_cache(maxsize=OPEN_SHARDS)
def _reader(path: str) -> Any:  # an ArrayRecordReader
    from array_record.python.array_record_module import ArrayRecordReader

    return ArrayRecordReader(path, options="readahead_buffer_size:0,max_parallelism:0")
