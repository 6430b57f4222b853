"""The files of the starter set: recordings one after the other in a few long Ogg Opus files, and a table of where each is."""

import csv
import dataclasses
import importlib.resources
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s3rl_jax.audio.read import SAMPLE_RATE, UnreadableAudio, read_audio
from s3rl_jax.corpus.layout import Recording
from s3rl_jax.prepare.recordings import recording_of
from s3rl_jax.prepare.shards import Rejected, ShardInput
from s3rl_jax.prepare.sources.manifest import SPLITS, ManifestRow

AUDIO = importlib.resources.files("s3rl_jax.starter") / "audio"
TABLE = "recordings.csv"
TEXTS = ("kind", "label", "speaker", "lang", "licence", "source")
TIMES = ("speech_start_s", "speech_end_s")

Row = dict[str, str]


@dataclasses.dataclass(frozen=True)
class AudioPart(ShardInput):
    """One of the long files.

    Attributes:
      file: its name.
      rows: the rows of the table for this file: `first` and `last` are samples at 16 kHz.
      bytes: of the file.
    """

    file: str
    rows: tuple[Row, ...]
    bytes: int

    def __len__(self) -> int:
        return len(self.rows)

    def read(self) -> Iterator[Recording | Rejected]:
        with importlib.resources.as_file(AUDIO / self.file) as path:
            try:
                audio = read_audio(path)
            except UnreadableAudio as reason:
                yield Rejected(self.file, str(reason))
                return
        for row in self.rows:
            texts = {name: row[name] for name in TEXTS}
            times = {name: float(row[name] or -1) for name in TIMES}
            name = f"{self.file}@{int(row['first']) / SAMPLE_RATE:.2f}"
            manifest_row = ManifestRow(Path(name), row["split"], **texts, **times)
            yield recording_of(manifest_row, name, audio[int(row["first"]) : int(row["last"])].copy())

    def identity(self) -> dict[str, Any]:
        return {"file": self.file, "bytes": self.bytes, "rows": len(self.rows)}


def audio_parts() -> dict[str, list[AudioPart]]:
    """The files of each split."""
    with (AUDIO / TABLE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    parts: dict[str, list[AudioPart]] = {split: [] for split in SPLITS}
    for name in dict.fromkeys(row["file"] for row in rows):
        places = tuple(row for row in rows if row["file"] == name)
        parts[places[0]["split"]].append(AudioPart(name, places, _size(name)))
    return {split: files for split, files in parts.items() if files}


def _size(name: str) -> int:
    with (AUDIO / name).open("rb") as file:
        return file.seek(0, os.SEEK_END)
