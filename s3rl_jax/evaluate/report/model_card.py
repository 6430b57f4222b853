"""The model card of a report: the detector, its training, and the split on which it is measured."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.pretrained.lineage import ancestors, corpus_licences, inherited_licences
from s3rl_jax.runs.detector import TrainedDetector
from s3rl_jax.runs.workdir import read_log

MOST_LABELS = 12  # rows of the table of the split's labels


class LabelCount(NamedTuple):
    """A row of the table of the split's labels: recordings with one label, or of one kind without a label."""

    label: str
    recordings: int
    speakers: int
    hours: float


class ModelCard(NamedTuple):
    """The model card.

    Attributes:
      facts: name and value of facts about the model and its training.
      labels: labels of the split.
      training_log: lines of the run's metrics.jsonl.
      distillation: workdir of the distillation that trained the student; None if there is none.
    """

    facts: list[tuple[str, str]]
    labels: list[LabelCount]
    training_log: list[dict]
    distillation: Path | None


def model_card(detector: TrainedDetector, clips: Clips) -> ModelCard:
    """Creates the card of a detector that is measured on the clips of a split."""
    config = detector.config
    scoring = "computed hop by hop with a state" if _streams(config) else "computed for each window"
    facts = [
        ("detects", config.keyword),
        ("student", f"{config.student.size}, {detector.parameters:,} parameters, {scoring}"),
        ("initial parameters", config.init or "random"),
        ("fine-tuned", f"{config.steps} steps of {config.batch_size}, seed {config.seed}; measured after step {detector.step}"),
        ("input", f"16 kHz mono; a window of {config.data.window_seconds:g} s every {config.data.hop_seconds:g} s"),
        ("trained on", config.data.corpus),
        ("licences of the training audio", _licences(config)),
        ("intended use", "detecting the keyword in audio similar to the audio that it was trained and measured on"),
        (
            "not measured",
            "voices, languages, rooms, microphones and noises that the split does not have, and rates of false accepts "
            "for which its hours are too few",
        ),
    ]
    return ModelCard(facts, _label_counts(clips), read_log(Path(detector.workdir)), _distillation(config))


def _streams(config: ConfigDict) -> bool:
    return bool(config.student.get("streaming", False)) or config.student.size.startswith("conv")


def _licences(config: ConfigDict) -> str:
    licences = corpus_licences(config.data.corpus)
    if licences is None:
        return "unknown: the training corpus does not exist any more"
    return ", ".join(sorted({licence or "not stated" for licence in licences} | inherited_licences(config)))


def _label_counts(clips: Clips) -> list[LabelCount]:
    columns = clips.columns
    labels = np.array(
        [str(label) or f"({kind})" for kind, label in zip(columns["kind"], columns["label"], strict=True)], dtype=object
    )
    rows = []
    for label, recordings in Counter(labels.tolist()).most_common():
        same = labels == label
        speakers = {str(speaker) for speaker in columns["speaker"][same] if str(speaker)}
        hours = float(columns["samples"][same].sum()) / SAMPLE_RATE / 3600
        rows.append(LabelCount(label, recordings, len(speakers), hours))
    if len(rows) > MOST_LABELS:
        rest = rows[MOST_LABELS - 1 :]
        others = LabelCount(f"{len(rest)} others", sum(r.recordings for r in rest), 0, sum(r.hours for r in rest))
        rows[MOST_LABELS - 1 :] = [others]
    return rows


def _distillation(config: ConfigDict) -> Path | None:
    """Workdir of the latest distillation among the runs that initialised this one; None if there is none."""
    return next((Path(workdir) for workdir, earlier in ancestors(config) if earlier.task == "distill"), None)
