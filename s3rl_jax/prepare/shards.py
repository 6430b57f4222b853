"""One shard of a corpus: written by one worker from one portion of the source, independent of all others.

Which recordings a shard holds is settled before any of them is read, so a shard comes out the same whoever writes it: this
process, one of several, or a Beam worker. Its index is written last: a shard with an index is finished.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Int16

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.durable import durably
from s3rl_jax.corpus.layout import INDEX, NUMBERS, TEXTS, Recording, shard_name

FRAME = 320  # 20 ms
BELOW_PEAK_DB = 25.0
FULL_SCALE = 32767
CHECKS = ("peak", "clipped", "digest")  # of each record, for the summary


class Rejected(NamedTuple):
    """What cannot be used, and why."""

    path: str
    reason: str


class Portion(Protocol):
    """Some recordings of a source."""

    bytes: int  # about how many are to be read

    def __len__(self) -> int: ...

    def read(self) -> Iterator[Recording | Rejected]:
        """Whole recordings, in a fixed order."""
        ...


@dataclasses.dataclass(frozen=True)
class Shard:
    """What to write, and where."""

    folder: str
    split: str
    number: int
    count: int  # of shards of the split
    portion: Portion
    segment: int  # longer recordings are cut into segments of as many samples
    overlap: int  # of two segments, in samples

    @property
    def index(self) -> Path:
        return Path(self.folder) / INDEX / f"{self.split}-{self.number:05}.json"


def tfds_features():
    """What a record holds, for TFDS. The audio is raw bytes: TFDS's own audio feature takes up to ten a sample."""
    import tensorflow_datasets as tfds

    features = {"audio": tfds.features.Tensor(shape=(None,), dtype=np.int16, encoding="bytes")}
    features |= {name: tfds.features.Text() for name in TEXTS}
    return tfds.features.FeaturesDict(features | dict.fromkeys(("speech_start", "speech_end"), np.int64))


def write_shard(shard: Shard) -> None:
    """Reads the portion and writes the shard and its index, unless they are there."""
    from array_record.python.array_record_module import ArrayRecordWriter
    from tensorflow_datasets.core.example_serializer import ExampleSerializer

    if shard.index.is_file():
        return
    path = Path(shard.folder) / shard_name(shard.split, shard.number, shard.count)
    features = tfds_features()
    serializer = ExampleSerializer(features.get_serialized_info())
    index: dict[str, list] = {name: [] for name in (*TEXTS, *NUMBERS, *CHECKS, "rejected")}
    unfinished = path.with_name(f"{path.name}.unfinished")
    writer = ArrayRecordWriter(str(unfinished), "group_size:1,uncompressed")
    for found in shard.portion.read():
        if isinstance(found, Rejected):
            index["rejected"].append(list(found))
            continue
        for record in segments(found, shard.segment, shard.overlap):
            example, audio = dataclasses.asdict(record), record.audio.astype("<i2").tobytes()
            encoded = serializer.get_tf_example(features.encode_example(example))
            data = encoded.SerializeToString(deterministic=True)  # else the order of the features varies with the process
            writer.write(data)
            example |= {"samples": len(record.audio), "offset": data.index(audio)} | checks(record.audio)
            for name in (*TEXTS, *NUMBERS, *CHECKS):
                index[name].append(example[name])
    writer.close()
    unfinished.replace(path)
    with durably(shard.index) as file:
        json.dump(index, file)


def segments(record: Recording, segment: int, overlap: int) -> Iterator[Recording]:
    """A long recording as several; what is no longer than `segment`, an impulse response or a labelled recording of
    speech (what its label says may be anywhere in it) stays whole."""
    total = len(record.audio)
    if total <= segment or record.kind == "impulse_response" or (record.kind == "speech" and record.label):
        yield record
        return
    for start in range(0, total - overlap, segment - overlap):
        audio = record.audio[start : start + segment]
        begin, end = speech_bounds(audio) if record.kind == "speech" else (0, len(audio))
        name = f"{record.id}@{start / SAMPLE_RATE:g}"
        yield dataclasses.replace(record, id=name, audio=audio, speech_start=begin, speech_end=end)


def speech_bounds(audio: Int16[np.ndarray, "samples"]) -> tuple[int, int]:
    """First and last 20 ms frame within 25 dB of the loudest one, in samples."""
    count = len(audio) // FRAME
    if not count:
        return 0, len(audio)
    energy = np.square(audio[: count * FRAME].astype(np.float64).reshape(count, FRAME)).mean(axis=1)
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (-BELOW_PEAK_DB / 10))
    return int(loud[0]) * FRAME, (int(loud[-1]) + 1) * FRAME


def checks(audio: Int16[np.ndarray, "samples"]) -> dict:
    """What the summary is made of: the peak, how many samples stand at full scale, and what tells equal audio."""
    magnitude = np.abs(audio.astype(np.int32))
    return {
        "peak": int(magnitude.max(initial=0)),
        "clipped": int((magnitude >= FULL_SCALE).sum()),
        "digest": hashlib.blake2b(audio.tobytes(), digest_size=8).hexdigest(),
    }
