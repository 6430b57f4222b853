"""The folder of recordings: a WAV for each, and the manifest.csv that `python -m s3rl_jax.prepare` reads."""

import csv
import re
import wave
from pathlib import Path

import numpy as np

from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.record.takes import SAMPLE_RATE, Take

MANIFEST = "manifest.csv"
COLUMNS = ("path", "split", "label", "speaker", "lang", "speech_start_s", "speech_end_s")
SPLITS = ("train", "validation", "test")
# The splits of one recording after another: seven of ten for training, one for validation, two for the test.
SPLITS_IN_TURN = ("train", "train", "test", "train", "train", "validation", "train", "train", "test", "train")
LONGEST_NAME = 40  # characters of the keyword and of the speaker in the name of a file


class RecordingFolder:
    """The recordings of one keyword by one speaker in a folder, which may hold others too.

    A recording is on disk before the manifest names it, and both are written whole or not at all. So the folder is usable
    after a kill at any time.

    Args:
      path: the folder.
      keyword: the label of new recordings.
      speaker: identifier of the speaker.
      split: train, validation or test; empty: each in turn, by `SPLITS_IN_TURN`.
      language: language of the keyword, such as `de`; may be empty.

    Raises:
      UserError: if the folder has a manifest that cannot be read.
    """

    def __init__(self, path: Path, keyword: str, speaker: str, split: str, language: str):
        self.manifest = path / MANIFEST
        self._keyword, self._speaker, self._split, self._language = keyword, speaker, split, language
        self._rows = _read_rows(self.manifest)

    @property
    def count(self) -> int:
        """Number of recordings of the keyword by the speaker; with a split, in that split."""
        cells = {"label": self._keyword, "speaker": self._speaker} | ({"split": self._split} if self._split else {})
        return sum(cells.items() <= row.items() for row in self._rows)

    def add(self, take: Take) -> Path:
        """Writes a take and its row; returns the path of the WAV, 16 bits at 16 kHz."""
        path = self.manifest.parent / self._free_name()
        with durably(path, "wb") as file, wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(SAMPLE_RATE)
            sound.writeframes(np.clip(np.rint(take.samples * 32768), -32768, 32767).astype("<i2").tobytes())
        row = {
            "path": path.name,
            "split": self._split or SPLITS_IN_TURN[self.count % len(SPLITS_IN_TURN)],
            "label": self._keyword,
            "speaker": self._speaker,
            "lang": self._language,
            "speech_start_s": f"{take.start / SAMPLE_RATE:.3f}",
            "speech_end_s": f"{take.stop / SAMPLE_RATE:.3f}",
        }
        self._rows.append(row)
        columns = dict.fromkeys([*COLUMNS, *(column for row in self._rows for column in row)])
        with durably(self.manifest) as file:
            writer = csv.DictWriter(file, list(columns), restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._rows)
        return path

    def _free_name(self) -> str:
        """The first name that the manifest does not have. A file of that name, left by a kill, is replaced."""
        taken = {row["path"].casefold() for row in self._rows}
        stem = "-".join(re.sub(r"[^\w-]+", "_", text)[:LONGEST_NAME] for text in (self._keyword, self._speaker))
        names = (f"{stem}-{number:03}.wav" for number in range(1, len(taken) + 2))
        return next(name for name in names if name.casefold() not in taken)


def _read_rows(manifest: Path) -> list[dict[str, str]]:
    try:
        with open(manifest, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error) as error:  # ValueError: not UTF-8
        raise UserError(f"{manifest}: cannot be read: {error}; expected a manifest that s3rl_jax.record wrote") from error
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values() or not {"path", "split"} <= row.keys():
            raise UserError(f"{manifest}, row {number}: expected a cell for each column, path and split among them")
    return rows
