"""What a report says of the model and the audio: how it was made, out of what, and for what it is."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips, read_corpus
from s3rl_jax.runs.workdir import logged, read_config


class About(NamedTuple):
    """The model card.

    Attributes:
      facts: (what, value), of the model and its training.
      heard: rows of (kind or label, recordings, speakers, hours) of the split.
      logged: lines of the run's metrics.jsonl.
      teacher_workdir: the distillation that the student is from, if it is from one.
    """

    facts: list[tuple[str, str]]
    heard: list[tuple[str, int, int, float]]
    logged: list[dict]
    teacher_workdir: Path | None

    @classmethod
    def of(cls, workdir: str, config: ConfigDict, parameters: int, clips: Clips) -> "About":
        """Of a fine-tuned run of so many parameters, and of the split that it is measured on."""
        data, way = config.data, "stepped hop by hop" if _streams(config) else "hears windows"
        facts = [
            ("detects", config.keyword),
            ("student", f"{config.student.size}, {parameters:,} parameters, {way}"),
            ("begins with", config.init or "random values"),
            ("fine-tuned", f"{config.steps} steps of {config.batch_size}, seed {config.seed}"),
            ("hears", f"16 kHz mono; a window of {data.window_seconds:g} s every {data.hop_seconds:g} s"),
            ("trained on", data.corpus),
            ("licences of the training audio", _licences(data.corpus)),
            ("meant for", "detecting the keyword in audio like that which it was trained and measured on"),
            (
                "not shown here",
                "voices, languages, rooms, microphones and noises that the split does not have, and rates of false accepts "
                "that its hours are too few for",
            ),
        ]
        return cls(facts, _heard(clips), logged(Path(workdir)), _distillation(config.init))


def _streams(config) -> bool:
    return bool(config.student.get("streaming", False)) or config.student.size.startswith("conv")


def _licences(corpus: str) -> str:
    try:
        clips = read_corpus(corpus, "train")
    except UserError:
        return "unknown: the training corpus is not there any more"
    return ", ".join(sorted({str(licence) or "not stated" for licence in clips.columns["licence"]}))


def _heard(clips: Clips, most: int = 12) -> list[tuple[str, int, int, float]]:
    columns = clips.columns
    names = np.array(
        [str(label) or f"({kind})" for kind, label in zip(columns["kind"], columns["label"], strict=True)], dtype=object
    )
    rows = []
    for name, recordings in Counter(names.tolist()).most_common():
        own = names == name
        speakers = {str(s) for s in columns["speaker"][own] if str(s)}
        rows.append((name, recordings, len(speakers), float(columns["samples"][own].sum()) / SAMPLE_RATE / 3600))
    if len(rows) > most:
        rest = rows[most - 1 :]
        rows[most - 1 :] = [(f"{len(rest)} others", sum(r[1] for r in rest), 0, sum(r[3] for r in rest))]
    return rows


def _distillation(init: str) -> Path | None:
    """Follows `init` from detector to detector down to a distillation."""
    for _ in range(10):
        if not init:
            return None
        try:
            made_by = read_config(init, "config.init")
        except UserError:  # it is not there any more
            return None
        if made_by.task == "distill":
            return Path(init)
        init = made_by.get("init", "")
    return None
