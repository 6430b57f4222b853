"""Writes one shard of a corpus, independently of all others.

The list of a shard's recordings is fixed before any of them is read, so a shard has the same content whether this process,
another one, or a Beam worker writes it. Its index is written last: a shard with an index is finished.
"""

import abc
import contextlib
import dataclasses
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int16

from s3rl_jax.core.durable import durably, renamed
from s3rl_jax.corpus.layout import ATTRIBUTES, INDEX, NUMBERS, TEXTS, Recording, shard_name
from s3rl_jax.prepare.recordings import split_recording

FULL_SCALE = 32767
OPTIONAL = ("placed", *ATTRIBUTES)  # columns that an index has only if a value is not empty
CHECKS = ("peak", "clipped", "digest")  # columns of an index for the summary


class Rejected(NamedTuple):
    """A file that was rejected, and the reason."""

    path: str
    reason: str


class ShardInput(abc.ABC):
    """The recordings of one shard, not yet read. Subclasses are dataclasses, whose fields `identity` compares.

    Attributes:
      bytes: approximate number of bytes to read.
    """

    bytes: int

    @abc.abstractmethod
    def __len__(self) -> int:
        """Number of recordings."""

    @abc.abstractmethod
    def read(self) -> Iterator[Recording | Rejected]:
        """Yields whole recordings, in a fixed order."""

    def identity(self) -> dict[str, Any]:
        """Fields that are equal for two inputs exactly if they give the same shard."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class ShardJob:
    """A shard to write.

    Attributes:
      folder: folder of the corpus's files.
      split: split of the shard.
      number: index of the shard in its split.
      count: number of shards in the split.
      recordings: the recordings to write.
      segment: samples of a segment; longer recordings are cut.
      overlap: samples that two segments of a recording share.
    """

    folder: str
    split: str
    number: int
    count: int
    recordings: ShardInput
    segment: int
    overlap: int

    @property
    def index(self) -> Path:
        return Path(self.folder) / INDEX / f"{self.split}-{self.number:05}.json"


def tfds_features() -> Any:
    """TFDS's description of a record. Audio is stored as raw bytes: TFDS's Audio feature takes up to ten bytes a sample."""
    import tensorflow_datasets as tfds

    features = {"audio": tfds.features.Tensor(shape=(None,), dtype=np.int16, encoding="bytes")}
    features |= {name: tfds.features.Text() for name in TEXTS}
    return tfds.features.FeaturesDict(features | dict.fromkeys(("speech_start", "speech_end"), np.int64))


def write_shard(job: ShardJob) -> None:
    """Reads the recordings and writes the shard and its index. A finished shard is left as it is.

    Raises:
      OSError: if the shard cannot be written; then nothing of it is left.
    """
    from tensorflow_datasets.core.example_serializer import ExampleSerializer

    if job.index.is_file():
        return
    path = Path(job.folder) / shard_name(job.split, job.number, job.count)
    features = tfds_features()
    serializer = ExampleSerializer(features.get_serialized_info())
    index: dict[str, list] = {name: [] for name in (*TEXTS, *NUMBERS, *CHECKS, *OPTIONAL, "rejected")}
    with _record_file(path) as write:
        for whole in job.recordings.read():
            if isinstance(whole, Rejected):
                index["rejected"].append(list(whole))
                continue
            for recording in split_recording(whole, job.segment, job.overlap):
                example, audio = dataclasses.asdict(recording), recording.audio.astype("<i2").tobytes()
                for name in OPTIONAL:
                    index[name].append(example.pop(name))
                encoded = serializer.get_tf_example(features.encode_example(example))
                data = encoded.SerializeToString(deterministic=True)  # otherwise each process orders the features differently
                write(data)
                example |= {"samples": len(recording.audio), "offset": data.index(audio)} | audio_checks(recording.audio)
                for name in (*TEXTS, *NUMBERS, *CHECKS):
                    index[name].append(example[name])
    for name in OPTIONAL:
        if not any(index[name]):
            del index[name]
    with durably(job.index) as file:
        json.dump(index, file)


@contextlib.contextmanager
def _record_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Opens an array_record file under another name; yields a function that writes a record.

    At the end the file is synced and renamed to `path`, because it must be on disk before an index names it. After an error it
    is removed.
    """
    from array_record.python.array_record_module import ArrayRecordWriter

    unfinished = path.with_name(f"{path.name}.unfinished")
    with renamed(unfinished, path):
        with _errors_of_records(path):
            writer = ArrayRecordWriter(str(unfinished), "group_size:1,uncompressed")

        def write(record: bytes) -> None:
            with _errors_of_records(path):
                writer.write(record)

        yield write
        with _errors_of_records(path):
            writer.close()
        with open(unfinished, "rb") as file:
            os.fsync(file.fileno())


@contextlib.contextmanager
def _errors_of_records(path: Path) -> Iterator[None]:
    """Turns the errors of array_record, for example of a full disk, into an OSError that names the file."""
    try:
        yield
    except RuntimeError as error:
        raise OSError(errno.EIO, str(error).partition(";")[0].removeprefix("write() failed: "), str(path)) from error


def audio_checks(audio: Int16[np.ndarray, "samples"]) -> dict[str, int | str]:
    """Computes `peak`, `clipped` (number of samples at full scale) and `digest` (of the samples, to recognise duplicates)."""
    magnitude = np.abs(audio.astype(np.int32))
    return {
        "peak": int(magnitude.max(initial=0)),
        "clipped": int((magnitude >= FULL_SCALE).sum()),
        "digest": hashlib.blake2b(audio.tobytes(), digest_size=8).hexdigest(),
    }
