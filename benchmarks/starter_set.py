"""Makes the starter set, s3rl_jax/starter/audio: real speech, noise and music in a few long Ogg Opus files, and their table.

    python -m benchmarks.starter_set --manifests=audio/manifest.csv,more/manifest.csv --out=s3rl_jax/starter/audio

Training data are recordings of the manifests' training split; held-out data are recordings of their validation and test splits.
Needs ffmpeg with libopus. No recording of a word of WAKE_WORDS is for training: they stay new to detectors that are trained
without recordings of them.
"""

import argparse
import csv
import dataclasses
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int16

from s3rl_jax.audio.read import SAMPLE_RATE, UnreadableAudio, read_audio
from s3rl_jax.core.progress import Progress
from s3rl_jax.prepare.synthesis.trimming import sound_bounds
from s3rl_jax.starter.audio_parts import TABLE, TEXTS, TIMES

WAKE_WORDS = "alexa computer computers jarvis mirror snowboy glass athena amelia"
GAP = SAMPLE_RATE // 10  # samples between two recordings
MARGIN = 0.15  # seconds of silence that are kept around speech
LONGEST = 20.0  # seconds of speech; of noise twice as many
PART_SECONDS = 1500.0  # of a file


@dataclasses.dataclass(frozen=True)
class Portion:
    """What is taken of a source.

    Attributes:
      folder: the beginning of the paths in the manifest.
      splits: of the manifest.
      split: of the starter set.
      minutes: about, of speech without the silence around it.
      by: column of the manifest, of whose values each gets about the same.
      each: seconds of a value of `by`; the last recording may exceed them.
      label: which recordings: a regular expression for their labels; empty: all.
      labelled: whether labels are what is said.
      bitrate: kbit/s.
    """

    folder: str
    splits: tuple[str, ...]
    split: str
    minutes: float
    by: str = "speaker"
    each: float = 60.0
    label: str = ""
    labelled: bool = True
    bitrate: int = 12


TRAIN, HELD_OUT = ("train",), ("validation", "test")
PORTIONS = (
    Portion("librispeech", TRAIN, "train", 44, each=250),
    Portion("cv59", TRAIN, "train", 90, by="lang", each=200),
    Portion("picovoice_slu", TRAIN, "train", 40, each=60, labelled=False),
    Portion("gsc_anshul", TRAIN, "train", 38, each=7),
    Portion("gsc_vinsis", TRAIN, "train", 2, each=5),
    Portion("arabic_sc", TRAIN, "train", 14, each=60, labelled=False),
    Portion("cv_fa", TRAIN, "train", 26, each=150),
    Portion("cv_tw", TRAIN, "train", 14, each=180),
    Portion("kerstin", TRAIN, "train", 4, each=240),
    Portion("flemishguy", TRAIN, "train", 3, each=180),
    Portion("kathleen", TRAIN, "train", 4, each=240),
    Portion("nathalie", TRAIN, "train", 3, each=180),
    Portion("blanket", TRAIN, "train", 3, by="label", each=20),
    Portion("noisekun", TRAIN, "train", 4, by="label", each=20),
    Portion("librosa", TRAIN, "train", 4, by="label", each=45),
    Portion("esc10", TRAIN, "train", 5, by="label", each=30),
    Portion("gsc_background", TRAIN, "train", 2, by="label", each=20),
    Portion("noise/asc_", TRAIN, "train", 0.5, by="label", each=30),
    Portion("noise/mycroft", TRAIN, "train", 0.5, by="label", each=30),
    Portion("picovoice_ww", HELD_OUT, "test", 10, each=120, label="alexa", bitrate=24),
    Portion("librispeech/", HELD_OUT, "test", 9, each=20),
    Portion("cv59", HELD_OUT, "test", 10, by="lang", each=20),
    Portion("picovoice_slu", HELD_OUT, "test", 5, each=30, labelled=False),
    Portion("gsc_testset", HELD_OUT, "test", 2, each=1),
    Portion("esc10", HELD_OUT, "test", 3, by="label", each=20),
    Portion("noisekun", HELD_OUT, "test", 1.5, by="label", each=20),
)


Row = dict[str, str]


class Piece(NamedTuple):
    """A recording as it is stored, and its row of the table, without its place."""

    audio: Int16[np.ndarray, "samples"]
    row: Row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifests", required=True, help="comma-separated")
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    listed = [row for manifest in args.manifests.split(",") for row in _rows(Path(manifest))]
    rows = list({row["path"]: row for row in reversed(listed)}.values())  # of equal paths the first
    rows.sort(key=lambda row: row["path"])
    args.out.mkdir(parents=True, exist_ok=True)
    table: list[Row] = []
    with Progress(len(PORTIONS), "portions", "encoding") as progress, ThreadPoolExecutor(4) as pool:  # ffmpeg does the work
        for portion_rows in pool.map(lambda portion: _encode(portion, _chosen(portion, rows), args.out), PORTIONS):
            table += portion_rows
            progress.advance(1)
    with open(args.out / TABLE, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("file", "first", "last", "split", *TEXTS, *TIMES))
        writer.writeheader()
        writer.writerows(table)


def _rows(manifest: Path) -> list[Row]:
    with open(manifest, encoding="utf-8", newline="") as file:
        return [row | {"root": str(manifest.parent)} for row in csv.DictReader(file)]


def _chosen(portion: Portion, rows: list[Row]) -> Iterator[Piece]:
    """Recordings in a fixed random order, until a limit is reached."""
    able = [row for row in rows if _fits(portion, row)]
    spent: dict[str, float] = defaultdict(float)
    total = 0.0
    for number in np.random.default_rng(0).permutation(len(able)):
        row = able[number]
        if total >= 60 * portion.minutes or spent[row[portion.by]] >= portion.each:
            continue
        try:
            piece = _cut(portion, row, read_audio(Path(row["root"]) / row["path"]))
        except UnreadableAudio as reason:
            print(f"{row['path']}: {reason}")
            continue
        seconds = len(piece.audio) / SAMPLE_RATE
        spent[row[portion.by]] += seconds
        total += seconds
        yield piece


def _cut(portion: Portion, row: Row, audio: np.ndarray) -> Piece:
    """Leaves out the silence around speech; a recording with a word at a known place stays whole."""
    times = {key: row.get(key) or "" for key in TIMES}
    if row["kind"] == "speech" and not portion.label:
        begin, end = sound_bounds(audio.astype(np.float32), SAMPLE_RATE)
        audio = audio[max(0, begin - round(MARGIN * SAMPLE_RATE)) : end + round(MARGIN * SAMPLE_RATE)]
        times = dict.fromkeys(TIMES, "")
    label = re.sub(r"^[a-zA-Z]{2,3}(-\w+)?:", "", row["label"]) if portion.labelled else ""
    return Piece(audio, {key: row.get(key) or "" for key in TEXTS} | times | {"label": label})


def _fits(portion: Portion, row: Row) -> bool:
    """Whether a recording is of this portion, not too long, and of no wake word."""
    if not row["path"].startswith(portion.folder) or row["split"] not in portion.splits:
        return False
    if float(row["seconds"]) > (LONGEST if row["kind"] == "speech" else 2 * LONGEST):
        return False
    words = set(re.findall(r"\w+", row["label"].lower()))
    return row["label"] == portion.label if portion.label else not words & set(WAKE_WORDS.split())


def _encode(portion: Portion, chosen: Iterator[Piece], out: Path) -> list[Row]:
    """Writes the recordings of a portion into one file or several; the rows of the table."""
    name = f"{portion.split}-{portion.folder.strip('/_').replace('/', '_')}"
    table: list[Row] = []
    audio: list[np.ndarray] = []
    samples, part, kind = 0, 0, ""
    for piece in chosen:
        if samples + len(piece.audio) > PART_SECONDS * SAMPLE_RATE:
            _write(audio, out / f"{name}-{part}.ogg", portion, kind)
            audio, samples, part = [], 0, part + 1
        first, last, kind = samples, samples + len(piece.audio), piece.row["kind"]
        table.append({"file": f"{name}-{part}.ogg", "first": str(first), "last": str(last), "split": portion.split} | piece.row)
        audio += [piece.audio, np.zeros(GAP, np.int16)]
        samples = last + GAP
    _write(audio, out / f"{name}-{part}.ogg", portion, kind)
    print(f"{name}: {len(table)} recordings, {sum(int(r['last']) - int(r['first']) for r in table) / SAMPLE_RATE / 60:.1f} min")
    return table


def _write(pieces: list[np.ndarray], path: Path, portion: Portion, kind: str) -> None:
    samples = np.concatenate(pieces).astype("<i2").tobytes()
    use = "voip" if kind == "speech" else "audio"
    command = [
        *("ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "-"),
        *(
            "-map_metadata",
            "-1",
            "-fflags",
            "+bitexact",
            "-c:a",
            "libopus",
            "-b:a",
            f"{portion.bitrate}k",
            "-compression_level",
            "6",
        ),
        *("-frame_duration", "60", "-application", use, "-f", "ogg", str(path)),
    ]
    subprocess.run(command, input=samples, check=True)


if __name__ == "__main__":
    main()
