"""Clips of a split into classes, as Speech Commands is measured in the literature (arXiv 1804.03209)."""

import html
import json
from pathlib import Path

import numpy as np
from jaxtyping import Int, Int16
from sklearn import metrics

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import SILENCE, UNKNOWN, keyword_labels
from s3rl_jax.evaluate.conditions import SEED
from s3rl_jax.evaluate.curves import wilson
from s3rl_jax.evaluate.report import plots as figures
from s3rl_jax.evaluate.report.page import document
from s3rl_jax.evaluate.scoring import clip_scorer
from s3rl_jax.runs.detector import TrainedDetector

CLIPS = "clips"  # of config.measure
SHARE = 0.1  # of other words, and of silence, by the number of recordings of the keywords: the standard test set


def classify(detector: TrainedDetector, clips: Clips, split: str, folder: Path, corpus: str) -> dict:
    """Writes metrics.json, confusion.csv and index.html.

    Returns:
      What is in metrics.json: `accuracy` and its `accuracy_interval_95` (Wilson), `confusion_matrix` (a row for what was
      said, a column for what was heard), `recall` of each class.

    Raises:
      UserError: if the split has no recording of a class.
    """
    keywords, model = detector.keywords, detector.model
    with_others = detector.config.data.mixture.negative > 0
    audio, said = standard_set(clips, keywords, model.clip, with_others)
    allowed = np.arange(0 if with_others else 1, len(keywords) + 1)
    heard = allowed[clip_scorer(model, detector.params)(audio)[:, allowed].argmax(axis=1)]
    classes = [UNKNOWN, *keywords][allowed[0] :]
    matrix = metrics.confusion_matrix(said, heard, labels=allowed)
    right = int(np.trace(matrix))
    measured = {
        "task": "classification",
        "classes": classes,
        "clips": len(said),
        "accuracy": round(right / len(said), 5),
        "accuracy_interval_95": [round(end, 5) for end in wilson(right, len(said))],
        "recall": {name: round(float(own), 5) for name, own in zip(classes, np.diag(matrix) / matrix.sum(axis=1), strict=True)},
        "confusion_matrix": matrix.tolist(),
        "split": split,
        "workdir": detector.workdir,
        "corpus": corpus,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(measured, indent=2))
    table = np.c_[np.array(["", *classes]), np.r_[np.array([classes]), matrix.astype(str)]]
    np.savetxt(folder / "confusion.csv", table, fmt="%s", delimiter=",", encoding="utf-8")
    (folder / "index.html").write_text(_page(measured), encoding="utf-8")
    return measured


def standard_set(
    clips: Clips, keywords: tuple[str, ...], samples: int, with_others: bool
) -> tuple[Int16[np.ndarray, "clips samples"], Int[np.ndarray, "clips"]]:
    """Every recording of a keyword, and where those are classes, other words and silence, each a tenth as many.

    Recordings labelled _unknown_ and _silence_ are used where the split has them, as in the test set that comes with
    Speech Commands; else other words are drawn, and silence is cut out of the noise recordings. Deterministic.

    Args:
      clips: of a split.
      keywords: lower case; `SILENCE` among them stands for silence.
      samples: of a clip; shorter recordings stand in its middle, of longer ones the middle is taken.
      with_others: whether other words are a class, 0.

    Raises:
      UserError: if a class has no recording.
    """
    rng = np.random.default_rng(SEED)
    kind = clips.columns["kind"]
    classes = np.where(kind == "speech", keyword_labels(clips, keywords), -1)
    labels = np.array([str(label) for label in clips.columns["label"]])
    words = clips.rows(classes > 0)
    tenth = max(1, round(SHARE * len(words)))
    chosen = [(row, classes[row], None) for row in words]
    if with_others:
        others = clips.rows(labels == UNKNOWN)
        if not len(others):
            others = rng.permutation(clips.rows(classes == 0))[:tenth]
        chosen += [(row, 0, None) for row in others]
    noise = clips.rows(kind == "noise")
    if SILENCE in keywords and not (classes == keywords.index(SILENCE) + 1).any() and len(noise):
        chosen += [(row, keywords.index(SILENCE) + 1, rng.random()) for row in rng.choice(noise, tenth)]
    said = np.array([label for _, label, _ in chosen])
    wanted = range(0 if with_others else 1, len(keywords) + 1)
    if empty := [([UNKNOWN, *keywords])[c] for c in wanted if not (said == c).any()]:
        raise UserError(f"--corpus: no recording of {', '.join(empty)} in this split; nothing to measure them with")
    return np.stack([_placed(clips.audio(row), samples, place) for row, _, place in chosen]), said


def _placed(audio, samples: int, place: float | None):
    """In the middle, or cut at a share of the way."""
    if len(audio) < samples:
        return np.pad(audio, ((samples - len(audio)) // 2, samples - len(audio) - (samples - len(audio)) // 2))
    first = int((len(audio) - samples) * (0.5 if place is None else place))
    return audio[first : first + samples]


def _page(measured):
    low, high = measured["accuracy_interval_95"]
    drawn = figures.svg(figures.confusion_figure(measured["classes"], measured["confusion_matrix"]))
    title = f"{len(measured['classes'])} classes"
    return document(
        title,
        f"<h1>{title}</h1><div class=headline><div><b>{measured['accuracy']:.2%}</b><span>of {measured['clips']} clips right "
        f"(95 %: {low:.2%} to {high:.2%})</span></div></div><p>Split {html.escape(measured['split'])}, run "
        f"{html.escape(measured['workdir'])}.</p>{drawn}",
    )
