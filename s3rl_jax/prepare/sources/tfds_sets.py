"""Sets that TFDS has prepared on this machine: Speech Commands, LibriSpeech, and others that are laid out like them.

Nothing is downloaded here: TFDS waits for minutes where there is no network, and converts LibriSpeech six clips a second.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError, one_line
from s3rl_jax.corpus.keywords import SILENCE
from s3rl_jax.corpus.layout import Recording
from s3rl_jax.prepare.recordings import recording_of
from s3rl_jax.prepare.shards import Rejected, ShardInput
from s3rl_jax.prepare.sources.manifest import ManifestRow

SHARD_EXAMPLES = 2000
_AUDIO = ("audio", "speech")  # names of features, in order of preference
_LABEL = ("label", "text")
_SPEAKER = ("speaker_id", "speaker")


@dataclasses.dataclass(frozen=True)
class TfdsExamples(ShardInput):
    """Consecutive examples of a split, in the order in which TFDS stores them.

    Attributes:
      folder: of the set's files.
      source_split: the set's name of its split.
      first: the first example.
      last: one past the last example.
      split: the corpus's split.
      licence: of the set.
      bytes: about how many are to be read.
    """

    folder: str
    source_split: str
    first: int
    last: int
    split: str
    licence: str
    bytes: int

    def __len__(self) -> int:
        return self.last - self.first

    def read(self) -> Iterator[Recording | Rejected]:
        import tensorflow_datasets as tfds

        builder = tfds.builder_from_directory(self.folder)
        part = builder.as_dataset(split=f"{self.source_split}[{self.first}:{self.last}]", shuffle_files=False)
        names = {kind: _first_of(builder.info.features, known) for kind, known in (("label", _LABEL), ("speaker", _SPEAKER))}
        for number, example in enumerate(tfds.as_numpy(part), start=self.first):
            name = f"{self.source_split}/{number:08}"
            audio = _int16(example[_first_of(builder.info.features, _AUDIO)])
            if not len(audio):
                yield Rejected(name, "no samples")
                continue
            label = _word(builder.info.features, names["label"], example)
            kind = "noise" if label == SILENCE else "speech"  # silence is cut out of recordings of noise
            speaker = _text(example[names["speaker"]]) if names["speaker"] else ""
            text = {"label": label, "speaker": speaker, "licence": self.licence}
            yield recording_of(ManifestRow(Path(name), self.split, kind, **text), name, audio)


def tfds_inputs(name: str, data_dir: str) -> dict[str, list[TfdsExamples]]:
    """The examples of each split, divided into shards.

    Splits named test..., and valid... or dev..., are test and validation; all others are train.

    Args:
      name: of the set, for example speech_commands or librispeech; /VERSION or /CONFIG/VERSION chooses one of several.
      data_dir: where TFDS keeps its sets.

    Raises:
      UserError: if TFDS has not prepared the set there, or if its features or its sample rate are others.
    """
    import tensorflow_datasets as tfds

    root = Path(data_dir).expanduser()
    versions = sorted(path.parent for path in (root / name).rglob("dataset_info.json"))
    if not versions:
        raise UserError(
            f"--source=tfds:{name}: not in --tfds_dir={data_dir}; expected a set that TFDS prepared. With a network: "
            f"tfds build {name.split('/')[0]} --data_dir={data_dir}. Without: do that elsewhere and copy the folder, or unpack "
            "the set's own archive and give its folder as --source (Speech Commands and LibriSpeech are recognised)"
        )
    folder = versions[-1]
    try:
        builder = tfds.builder_from_directory(str(folder))
    except Exception as error:  # whatever TFDS raises for a folder that is not its own
        raise UserError(f"--source=tfds:{name}: {folder} cannot be opened: {one_line(error)[:200]}") from error
    audio = _first_of(builder.info.features, _AUDIO)
    if audio is None:
        raise UserError(f"--source=tfds:{name}: its features are {', '.join(builder.info.features)}; expected audio or speech")
    rate = getattr(builder.info.features[audio], "sample_rate", None)
    if rate not in (None, SAMPLE_RATE):
        raise UserError(f"--source=tfds:{name}: audio at {rate} Hz; expected {SAMPLE_RATE}. Give its files as --source instead")
    inputs: dict[str, list[TfdsExamples]] = {"train": [], "validation": [], "test": []}
    licence = " ".join((builder.info.redistribution_info.license or "").split())
    for source_split, info in builder.info.splits.items():
        split = _split_of(source_split)
        for first in range(0, info.num_examples, SHARD_EXAMPLES):
            last = min(first + SHARD_EXAMPLES, info.num_examples)
            inputs[split].append(
                TfdsExamples(
                    str(folder),
                    source_split,
                    first,
                    last,
                    split,
                    licence,
                    info.num_bytes * (last - first) // info.num_examples,
                )
            )
    return inputs


def _split_of(name: str) -> str:
    beginnings = {"valid": "validation", "dev": "validation", "test": "test"}
    return next((split for beginning, split in beginnings.items() if name.startswith(beginning)), "train")


def _first_of(features, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in features), None)


def _word(features, name: str | None, example) -> str:
    if name is None:
        return ""
    label = features[name]
    return label.int2str(int(example[name])) if hasattr(label, "int2str") else _text(example[name]).lower()


def _text(value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _int16(audio: np.ndarray) -> np.ndarray:
    return np.clip(np.asarray(audio), -32768, 32767).astype(np.int16)
