"""Accuracy of a detector that classifies clips, as the literature measures Speech Commands (arXiv 1804.03209)."""

import csv
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int16
from sklearn import metrics

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import SILENCE, UNKNOWN, speech_classes
from s3rl_jax.evaluate.intervals import wilson
from s3rl_jax.evaluate.report.folder import CONFUSION, METRICS, PAGE, PREDICTIONS, new_report
from s3rl_jax.evaluate.report.page import classification_page
from s3rl_jax.evaluate.scoring import clip_scorer
from s3rl_jax.evaluate.stream import SEED
from s3rl_jax.runs.detector import TrainedDetector

SHARE_OF_OTHERS = 0.1  # clips of other words, and of silence, for each clip of a keyword, as in the standard test set


class StandardSet(NamedTuple):
    """Clips for classification: id in the corpus, audio, and class of each."""

    ids: list[str]
    audio: Int16[np.ndarray, "clips samples"]
    labels: Int[np.ndarray, "clips"]


def classify(detector: TrainedDetector, clips: Clips, split: str, folder: Path, corpus: str) -> dict:
    """Classifies the clips of a split, and writes metrics.json, confusion.csv, predictions.csv and index.html.

    Args:
      detector: a detector whose `config.measure` is clips.
      clips: recordings of the split.
      split: name of the split, for the report.
      folder: folder of the report.
      corpus: name of the corpus, for the report.

    Returns:
      The contents of metrics.json: `accuracy` and `accuracy_interval_95` (Wilson), `confusion_matrix` (a row for each true
      class, a column for each predicted one), `recall` of each class.

    Raises:
      UserError: if the split has no recording of a class.
      OSError: if the report cannot be written.
    """
    keywords, model = detector.keywords, detector.model
    has_others = detector.config.data.mixture.negative > 0
    ids, audio, labels = standard_set(clips, keywords, model.clip, has_others)
    allowed = np.arange(0 if has_others else 1, len(keywords) + 1)
    predicted = allowed[clip_scorer(model, detector.params)(audio)[:, allowed].argmax(axis=1)]
    classes = [UNKNOWN, *keywords][allowed[0] :]
    matrix = metrics.confusion_matrix(labels, predicted, labels=allowed)
    correct = int(np.trace(matrix))
    recall = np.diag(matrix) / matrix.sum(axis=1)
    measured = {
        "task": "classification",
        "classes": classes,
        "clips": len(labels),
        "accuracy": round(correct / len(labels), 5),
        "accuracy_interval_95": [round(end, 5) for end in wilson(correct, len(labels))],
        "recall": {name: round(float(value), 5) for name, value in zip(classes, recall, strict=True)},
        "confusion_matrix": matrix.tolist(),
        "split": split,
        "workdir": detector.workdir,
        "step": detector.step,
        "corpus": corpus,
    }
    with new_report(folder) as aside:
        (aside / METRICS).write_text(json.dumps(measured, indent=2))
        table = np.c_[np.array(["", *classes]), np.r_[np.array([classes]), matrix.astype(str)]]
        np.savetxt(aside / CONFUSION, table, fmt="%s", delimiter=",", encoding="utf-8")
        _write_predictions(aside / PREDICTIONS, ids, [classes[place - allowed[0]] for place in predicted])
        (aside / PAGE).write_text(classification_page(measured), encoding="utf-8")
    return measured


def standard_set(clips: Clips, keywords: tuple[str, ...], samples: int, has_others: bool) -> StandardSet:
    """Clips for classification: all recordings of keywords; other words and silence, if they are classes, a tenth as many.

    Recordings labelled _unknown_ and _silence_ are all used, once, if the split has them, as in the test set that comes with
    Speech Commands. Otherwise other words are drawn, and silence is cut out of noise recordings; both draws have a fixed seed.

    Args:
      clips: recordings of a split.
      keywords: the keywords in lower case; `SILENCE` stands for silence.
      samples: samples of a clip. A shorter recording is padded on both sides; of a longer one the middle is used.
      has_others: whether other words are a class, class 0.

    Raises:
      UserError: if a class has no recording.
    """
    rng = np.random.default_rng(SEED)
    classes = speech_classes(clips, keywords, others=-1)
    texts = np.array([str(label) for label in clips.columns["label"]])
    words, noise = clips.rows(classes > 0), clips.rows(clips.columns["kind"] == "noise")
    tenth = max(1, round(SHARE_OF_OTHERS * len(words)))
    selected: list[tuple[int, int, float | None]] = [(row, int(classes[row]), None) for row in words]  # row, class, place
    if has_others:
        others = clips.rows((classes == 0) & (texts == UNKNOWN))
        if not len(others):
            others = rng.permutation(clips.rows(classes == 0))[:tenth]
        selected += [(row, 0, None) for row in others]
    if SILENCE in keywords and not (classes == keywords.index(SILENCE) + 1).any() and len(noise):
        silence = noise[texts[noise] == SILENCE]
        cuts = [(row, None) for row in silence] or [(row, rng.random()) for row in rng.choice(noise, tenth)]
        selected += [(row, keywords.index(SILENCE) + 1, place) for row, place in cuts]
    labels = np.array([label for _, label, _ in selected], int)
    expected = range(0 if has_others else 1, len(keywords) + 1)
    if empty := [[UNKNOWN, *keywords][label] for label in expected if not (labels == label).any()]:
        raise UserError(f"--corpus: no recording of {', '.join(empty)} in this split; nothing to measure them with")
    audio = np.stack([_fitted(clips.audio(row), samples, place) for row, _, place in selected])
    return StandardSet([str(clips.columns["id"][row]) for row, _, _ in selected], audio, labels)


def _write_predictions(path: Path, ids: list[str], predicted: list[str]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "predicted"])
        writer.writerows(zip(ids, predicted, strict=True))


def _fitted(audio: Int16[np.ndarray, "_"], samples: int, place: float | None) -> Int16[np.ndarray, "samples"]:
    """Pads a recording on both sides, or cuts it.

    `place`, from 0 to 1, is the position of the cut: 0 keeps the beginning, 1 the end, None the middle.
    """
    if len(audio) < samples:
        before = (samples - len(audio)) // 2
        return np.pad(audio, (before, samples - len(audio) - before))
    first = int((len(audio) - samples) * (0.5 if place is None else place))
    return audio[first : first + samples]
