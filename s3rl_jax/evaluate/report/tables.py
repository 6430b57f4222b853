"""The report's tables det.csv, scores.csv and words.csv: writing them, and reading trials back from them."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.evaluate.results import ConditionResult
from s3rl_jax.evaluate.trial import Trial, trial_of_words

SCORES, WORDS, DET = "scores.csv", "words.csv", "det.csv"
SCORE_COLUMNS = ("file", "time", "label", "posterior")  # as in `detect --scores`; file is the name of the condition
WORD_COLUMNS = ("file", "id", "start", "end", "peak", "speaker")
DET_COLUMNS = ("condition", "threshold", "false_accepts_per_hour", "false_reject_rate")


class SpokenTrial(NamedTuple):
    """A trial, and the speaker of each of its words."""

    trial: Trial
    speakers: list[str]


def write_tables(folder: Path, results: Mapping[str, ConditionResult], keyword: str) -> None:
    """Writes scores.csv, words.csv and det.csv.

    From scores.csv and words.csv another program can compute every figure of the report.
    """
    _write(folder / SCORES, SCORE_COLUMNS, _score_rows(results, keyword))
    _write(folder / WORDS, WORD_COLUMNS, _word_rows(results))
    _write(folder / DET, DET_COLUMNS, _det_rows(results))


def read_trials(report: Path) -> dict[str, SpokenTrial]:
    """Reads the trial of each condition of a report from its scores.csv and words.csv."""
    posteriors: dict[str, list[float]] = {}
    hops: dict[str, int] = {}
    for row in _rows(report / SCORES):
        posteriors.setdefault(row["file"], []).append(float(row["posterior"]))
        hops.setdefault(row["file"], _samples(row["time"]))  # the time of the first row is one hop
    words: dict[str, list[dict[str, str]]] = {}
    for row in _rows(report / WORDS):
        words.setdefault(row["file"], []).append(row)
    trials = {}
    for condition, rows in words.items():
        bounds = [(_samples(row["start"]), _samples(row["end"])) for row in rows]
        trial = trial_of_words(np.array(posteriors[condition]), bounds, hops[condition])
        trials[condition] = SpokenTrial(trial, [row["speaker"] or row["id"] for row in rows])
    return trials


def _score_rows(results: Mapping[str, ConditionResult], keyword: str) -> Iterator[tuple]:
    for name, result in results.items():
        hop = _samples(result.trial.hop_seconds)
        for number, posterior in enumerate(result.posteriors, start=1):
            yield name, f"{number * hop / SAMPLE_RATE:.3f}", keyword, f"{posterior:.6f}"


def _word_rows(results: Mapping[str, ConditionResult]) -> Iterator[tuple]:
    for name, result in results.items():
        for clip, peak in zip(result.words, result.trial.peaks, strict=True):
            start, stop = clip.speech_start / SAMPLE_RATE, clip.speech_stop / SAMPLE_RATE
            yield name, clip.id, f"{start:.5f}", f"{stop:.5f}", f"{peak:.6f}", clip.speaker


def _det_rows(results: Mapping[str, ConditionResult]) -> Iterator[tuple]:
    for name, result in results.items():
        curve = result.curve
        for threshold, accepts, rejects in zip(curve.threshold, curve.false_accepts, curve.false_rejects, strict=True):
            yield name, f"{threshold:.6f}", f"{accepts / curve.hours:.4f}", f"{rejects / curve.words:.5f}"


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _samples(seconds: str | float) -> int:
    return round(float(seconds) * SAMPLE_RATE)
