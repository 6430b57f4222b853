"""A prepared corpus: TFDS array_record shards of int16 audio, with an index of what each record holds.

Written through TFDS, so that any TFDS user can read it; the audio is stored as raw bytes (two a sample, where TFDS's
own audio feature takes up to ten), which also keeps TensorFlow out of writing and reading.
"""

import contextlib
import dataclasses
import functools
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from s3rl_jax.errors import UserError

NAME, VERSION = "corpus", "1.0.0"
TEXTS = ("id", "kind", "label", "speaker", "condition", "lang", "licence")
INDEX = "index.json"


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

    columns: dict[str, np.ndarray]  # the fields of Record but audio, and `samples`
    sources: tuple  # one TFDS data source for each split and corpus, in the order of the rows

    def __len__(self) -> int:
        return len(self.columns["samples"])

    @property
    def hours(self) -> float:
        return float(self.columns["samples"].sum()) / 16_000 / 3600

    @functools.cached_property
    def _ends(self):
        return np.cumsum([len(source) for source in self.sources])

    def rows(self, chosen: np.ndarray) -> np.ndarray:
        """Indices where the mask `chosen` holds."""
        return np.flatnonzero(chosen)

    def audio(self, row: int) -> Int16[np.ndarray, "samples"]:
        """Reads one recording."""
        source = int(np.searchsorted(self._ends, row, side="right"))
        first = self._ends[source - 1] if source else 0
        return self.sources[source][int(row - first)]["audio"]


def write_corpus(splits: dict[str, Iterable[Record]], out: str | Path) -> Path:
    """Writes the splits as a TFDS builder folder below `out`, and the index beside the shards.

    Raises:
      UserError: if a corpus is there already.
    """
    import tensorflow_datasets as tfds

    folder = Path(out) / NAME / VERSION
    if folder.exists():
        raise UserError(f"--out={out}: holds a corpus already; name another folder or remove it")
    index: dict[str, dict[str, list]] = {}

    class Corpus(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {"audio": tfds.features.Tensor(shape=(None,), dtype=np.int16, encoding="bytes")}
            features |= {name: tfds.features.Text() for name in TEXTS}
            features |= dict.fromkeys(("speech_start", "speech_end"), np.int64)
            return tfds.core.DatasetInfo(
                builder=self,
                description="16 kHz mono int16 recordings, prepared by s3rl_jax.",
                features=tfds.features.FeaturesDict(features),
                disable_shuffling=True,  # the index is in the order of the records
            )

        def _split_generators(self, dl_manager):
            return {name: self._generate_examples(name, records) for name, records in splits.items()}

        def _generate_examples(self, split, records):
            columns = index.setdefault(split, {name: [] for name in (*_indexed(), "samples")})
            for key, record in enumerate(records):
                example = dataclasses.asdict(record)
                for name in _indexed():
                    columns[name].append(example[name])
                columns["samples"].append(len(record.audio))
                yield key, example

    tfds.disable_progress_bar()  # prepare shows its own progress; TFDS prints of downloads, and there are none
    with contextlib.redirect_stdout(io.StringIO()):
        Corpus(data_dir=str(out), file_format="array_record").download_and_prepare()
    (folder / INDEX).write_text(json.dumps(index))
    return folder


def read_corpus(paths: str, split: str, flag: str = "--corpus") -> Clips:
    """Opens one corpus or several, comma-separated; `split` may join splits with +.

    Raises:
      UserError: naming `flag`, if there is no corpus or no such split.
    """
    import tensorflow_datasets as tfds

    names = [name.strip() for name in paths.split(",") if name.strip()]
    if not names:
        raise UserError(f"{flag} is empty; expected a folder written by python -m s3rl_jax.prepare")
    parts, sources = [], []
    for name in names:
        folder = Path(name) / NAME / VERSION
        if not (folder / INDEX).is_file():
            raise UserError(f"{flag}={name}: no corpus there; expected a folder written by python -m s3rl_jax.prepare")
        index = json.loads((folder / INDEX).read_text())
        builder = tfds.builder_from_directory(str(folder))
        for part in split.split("+"):
            if part not in index:
                raise UserError(f"{flag}={name}: no split {part!r}; it has {', '.join(index)}")
            source = builder.as_data_source(split=part)
            if len(source) != len(index[part]["samples"]):
                raise UserError(f"{flag}={name}: {INDEX} and the shards disagree; prepare the corpus again")
            parts.append(index[part])
            sources.append(source)
    columns = {name: np.array([v for part in parts for v in part[name]]) for name in (*_indexed(), "samples")}
    return Clips(columns, tuple(sources))


def has_speech(paths: str, split: str) -> bool:
    """Whether all of the corpora that `read_corpus` would open have speech in that split."""
    indices = [Path(name.strip()) / NAME / VERSION / INDEX for name in paths.split(",") if name.strip()]
    return all("speech" in json.loads(index.read_text()).get(split, {"kind": ()})["kind"] for index in indices)


def in_memory(clips: Clips) -> Clips:
    """The same clips with their audio held in memory."""
    return Clips(clips.columns, (tuple(_progressive(clips)),))


def _progressive(clips: Clips) -> Iterator[dict]:
    for source in clips.sources:
        for i in range(len(source)):
            yield {"audio": source[i]["audio"]}


def _indexed() -> tuple[str, ...]:
    return (*TEXTS, "speech_start", "speech_end")
