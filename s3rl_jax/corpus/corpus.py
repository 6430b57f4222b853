"""A prepared corpus: TFDS array_record shards of int16 audio, and beside each an index of what its records hold.

Any TFDS user can read it. Here it is read without parsing and without TensorFlow: the index says where in a record's
bytes the samples begin, and records are stored uncompressed (speech as int16 hardly shrinks).
"""

import dataclasses
import functools
import json
import re
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError

NAME, VERSION = "corpus", "2.0.0"
TEXTS = ("id", "kind", "label", "speaker", "condition", "lang", "licence")
NUMBERS = ("speech_start", "speech_end", "samples", "offset")  # offset: of the samples in the record's bytes
INDEX, SUMMARY = "index", "summary.json"
OPEN_SHARDS = 512  # at most, below the usual limit of 1024 open files


@dataclasses.dataclass(frozen=True)
class Record:
    """One recording as it is stored. Speech bounds are in samples; they cover the clip where nothing better is known."""

    id: str
    audio: Int16[np.ndarray, "samples"]
    kind: str
    label: str
    speaker: str
    condition: str
    lang: str
    licence: str
    speech_start: int
    speech_end: int


@dataclasses.dataclass(frozen=True)
class Clips:
    """The records of one or several splits and corpora: columns in memory, audio on disk."""

    columns: dict[str, np.ndarray]  # TEXTS, NUMBERS and `corpus`: which of the corpora it is of
    shards: tuple[str, ...]  # paths, in the order of the rows
    ends: np.ndarray  # how many rows there are up to and with each shard
    corpora: int

    def __len__(self) -> int:
        return len(self.columns["samples"])

    @property
    def hours(self) -> float:
        return float(self.columns["samples"].sum()) / SAMPLE_RATE / 3600

    def rows(self, chosen: np.ndarray) -> np.ndarray:
        """Indices where the mask `chosen` holds."""
        return np.flatnonzero(chosen)

    def audio(self, row: int) -> Int16[np.ndarray, "samples"]:
        """Reads one recording."""
        shard = int(np.searchsorted(self.ends, row, side="right"))
        first = self.ends[shard - 1] if shard else 0
        (record,) = _reader(self.shards[shard]).read([int(row - first)])
        return np.frombuffer(record, "<i2", int(self.columns["samples"][row]), int(self.columns["offset"][row]))


def corpus_paths(text: str, flag: str = "config.data.corpus") -> tuple[Path, ...]:
    """One corpus or several, comma-separated.

    Raises:
      UserError: naming `flag`, if there is none.
    """
    paths = tuple(Path(name.strip()) for name in text.split(",") if name.strip())
    if not paths:
        raise UserError(f"{flag} is empty; expected a folder written by python -m s3rl_jax.prepare")
    return paths


def read_corpus(paths: str, split: str, flag: str = "--corpus") -> Clips:
    """Opens one corpus or several, comma-separated; `split` may join splits with +.

    Raises:
      UserError: naming `flag`, if there is no corpus or no such split.
    """
    columns: dict[str, list] = {name: [] for name in (*TEXTS, *NUMBERS, "corpus")}
    shards, ends = [], [0]
    for corpus, path in enumerate(corpus_paths(paths, flag)):
        folder = finished(path, flag)
        for part in split.split("+"):
            indices = index_files(folder, part)
            if not indices:
                has = {file.name.rsplit("-", 1)[0] for file in (folder / INDEX).iterdir()}
                raise UserError(f"{flag}={path}: no split {part!r}; it has {', '.join(sorted(has))}")
            for number, file in enumerate(indices):
                index = json.loads(file.read_text(encoding="utf-8"))
                count = len(index["samples"])
                for name in TEXTS:
                    columns[name].append(np.array(index[name], np.dtypes.StringDType()))
                for name in NUMBERS:
                    columns[name].append(np.array(index[name], np.int64))
                columns["corpus"].append(np.full(count, corpus, np.int32))
                shards.append(str(folder / shard_name(part, number, len(indices))))
                ends.append(ends[-1] + count)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return Clips(joined, tuple(shards), np.array(ends[1:]), corpus + 1)


def has_speech(paths: str, split: str) -> bool:
    """Whether all of the corpora that `read_corpus` would open have speech in that split."""
    summaries = [json.loads((path / NAME / VERSION / SUMMARY).read_text()) for path in corpus_paths(paths)]
    return all(any(row["split"] == split and row["kind"] == "speech" for row in s["splits"]) for s in summaries)


def finished(path: Path, flag: str) -> Path:
    """The folder of a corpus that was prepared to the end."""
    folder = path / NAME / VERSION
    if not (folder / SUMMARY).is_file():
        begun = "one that is not finished: give prepare the same command again" if (folder / INDEX).is_dir() else "no corpus"
        raise UserError(f"{flag}={path}: {begun} there; expected a folder written by python -m s3rl_jax.prepare")
    return folder


def shard_name(split: str, number: int, count: int) -> str:
    """As TFDS names them."""
    return f"{NAME}-{split}.array_record-{number:05}-of-{count:05}"


def index_files(folder: Path, split: str) -> list[Path]:
    """Of the finished shards of a split, in order."""
    return sorted(f for f in (folder / INDEX).iterdir() if re.fullmatch(rf"{re.escape(split)}-\d+\.json", f.name))


@functools.lru_cache(maxsize=OPEN_SHARDS)
def _reader(path: str):
    from array_record.python.array_record_module import ArrayRecordReader

    return ArrayRecordReader(path, options="readahead_buffer_size:0,max_parallelism:0")
