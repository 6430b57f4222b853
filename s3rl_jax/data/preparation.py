"""Source files -> corpus: read, find the speech, count what was taken and what was not."""

import collections
import csv
import dataclasses
import itertools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int16
from tqdm import tqdm

from s3rl_jax.audio.read import SAMPLE_RATE, UnreadableAudio, read_audio
from s3rl_jax.data.corpus import NAME, VERSION, Record, write_corpus
from s3rl_jax.data.manifest import SPLITS, Clip
from s3rl_jax.errors import UserError

FRAME = 320  # 20 ms
BELOW_PEAK_DB = 25.0


def prepare(clips: list[Clip], out: str) -> dict:
    """Reads every clip and writes the corpus.

    Files that cannot be read are skipped, counted, and listed with the reason in `rejected.csv` in the corpus.

    Returns:
      The summary that is also in `summary.json`: clips, hours and speakers for each split and kind, and rejected.

    Raises:
      UserError: if not a single file can be read.
    """
    rejected: list[tuple[str, str]] = []
    counts = collections.defaultdict(lambda: {"clips": 0, "hours": 0.0, "speakers": set()})
    root = Path(os.path.commonpath([clip.path.parent for clip in clips]))

    def records(split: str, progress: tqdm) -> Iterator[Record]:
        for clip in clips:
            if clip.split != split:
                continue
            progress.update()
            try:
                record = read_clip(clip, root)
            except UnreadableAudio as reason:
                rejected.append((str(clip.path), str(reason)))
                continue
            count = counts[split, clip.kind]
            count["clips"] += 1
            count["hours"] += len(record.audio) / SAMPLE_RATE / 3600
            count["speakers"] |= {clip.speaker} - {""}
            yield record

    with tqdm(total=len(clips), unit="file", disable=not sys.stderr.isatty()) as progress:
        found = {split: _peek(records(split, progress)) for split in SPLITS}  # TFDS cannot write a split without records
        if not any(found.values()):
            first, reason = rejected[0]
            raise UserError(f"none of the {len(clips)} files can be read; the first is {first}: {reason}")
        folder = write_corpus({split: iterator for split, iterator in found.items() if iterator}, out)
    summary = {
        "rejected": len(rejected),
        "splits": [
            {"split": split, "kind": kind, **count, "hours": round(count["hours"], 4), "speakers": len(count["speakers"])}
            for (split, kind), count in counts.items()
        ],
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))
    with open(folder / "rejected.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "reason"), *rejected])
    return summary


def describe(summary: dict, out: str) -> str:
    """The summary as lines for a person."""
    lines = [
        f"{row['split']:<10} {row['kind']:<16} {row['clips']:>7} clips {row['hours']:>9.2f} h {row['speakers']:>5} speakers"
        for row in summary["splits"]
    ]
    if summary["rejected"]:
        lines.append(f"{summary['rejected']} files were skipped; see {Path(out) / NAME / VERSION / 'rejected.csv'}")
    return "\n".join(lines)


def read_clip(clip: Clip, root: Path) -> Record:
    """Reads one recording and finds its speech where the manifest does not say."""
    audio = read_audio(clip.path, channel=0 if clip.kind == "impulse_response" else None)
    if clip.kind == "impulse_response":
        audio = audio[int(np.abs(audio.astype(np.int32)).argmax()) :]  # from the direct sound on
    start, end = clip.speech_start_s, clip.speech_end_s
    if clip.kind == "speech" and not 0 <= start < end:
        begin, stop = speech_bounds(audio)
    else:
        begin = min(max(int(start * SAMPLE_RATE), 0), len(audio))
        stop = min(int(end * SAMPLE_RATE), len(audio)) if end > start else len(audio)
    text = {f.name: getattr(clip, f.name) for f in dataclasses.fields(clip) if f.name in Record.__annotations__}
    name = clip.path.relative_to(root).as_posix()
    return Record(id=name, audio=audio, speech_start=begin, speech_end=stop, **text)


def speech_bounds(audio: Int16[np.ndarray, "samples"]) -> tuple[int, int]:
    """First and last 20 ms frame within 25 dB of the loudest one, in samples."""
    count = len(audio) // FRAME
    if not count:
        return 0, len(audio)
    energy = np.square(audio[: count * FRAME].astype(np.float64).reshape(count, FRAME)).mean(axis=1)
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (-BELOW_PEAK_DB / 10))
    return int(loud[0]) * FRAME, (int(loud[-1]) + 1) * FRAME


def _peek(records: Iterator[Record]) -> Iterator[Record] | None:
    """The same records; None if there are none."""
    first = next(records, None)
    return None if first is None else itertools.chain([first], records)
