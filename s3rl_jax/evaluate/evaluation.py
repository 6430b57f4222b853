"""One detector, one split, all conditions: metrics.json, det.csv, scores.csv, words.csv, index.html."""

import csv
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.detect.firing import REFRACTORY_SECONDS, smooth
from s3rl_jax.evaluate import curves
from s3rl_jax.evaluate.breakdown import breakdown, speaker_interval
from s3rl_jax.evaluate.classification import CLIPS, classify
from s3rl_jax.evaluate.conditions import conditions_of
from s3rl_jax.evaluate.relative_false_accepts import relative_far
from s3rl_jax.evaluate.report import page as report
from s3rl_jax.evaluate.report.model_card import About
from s3rl_jax.evaluate.report.worst_clips import Listening
from s3rl_jax.evaluate.scoring import scorer
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.runs.detector import TrainedDetector, open_detector

LATENESS_SECONDS = 1.0  # how long after the word's end a detection still counts as one of it
AFTERMATH_SECONDS = 1.0  # and how long after that it is no false accept, as the word may still be in the window
RELATIVE_RATE = 10.0  # false accepts an hour of the baseline, at whose false rejects detectors are compared


def evaluate(
    workdir: str,
    corpus: str,
    split: str,
    out: str,
    conditions: tuple[str, ...] = (),
    by_noise: bool = False,
    baselines: tuple[str, ...] = (),
) -> dict:
    """Scores a fine-tuned detector and writes the report.

    Args:
      workdir: of the detector.
      corpus: one or several, comma-separated.
      split: one or several, joined with +.
      out: folder of the report.
      conditions: names; empty: all that the split can show.
      by_noise: whether each kind of noise makes conditions of its own.
      baselines: other detectors of the same keyword, which hear the same; the first is what `relative_far` is relative to.

    Returns:
      What is in metrics.json.

    Raises:
      UserError: if `workdir` holds no detector or the split has no keyword in it.
    """
    detector = open_detector(workdir, "--workdir")
    config = detector.config
    clips = read_corpus(corpus, split)
    folder = Path(out)
    if config.get("measure", "stream") == CLIPS:
        if baselines or conditions:
            raise UserError(f"--workdir={workdir}: its clips are classified; --baseline and --conditions are for streams")
        return classify(detector, clips, split, folder, corpus)
    others = [_baseline(baseline, detector.keywords) for baseline in baselines]
    score, other_scores = (scorer(detector.model, detector.params), [scorer(other.model, other.params) for other in others])
    made, missing = conditions_of(clips, detector.keywords, conditions, by_noise)
    for name, why in missing.items():
        LOGGER.info(f"{name} is not measured: {why}")

    folder.mkdir(parents=True, exist_ok=True)
    results, tables, relative, listening = {}, {}, {}, Listening()
    begun = time.monotonic()
    with open(folder / "scores.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "time", "label", "posterior"])
        for done, (name, make) in enumerate(made.items(), start=1):
            stream = make()
            posteriors = score(stream.audio)
            _write_scores(rows, name, config.keyword, posteriors, detector.model.hop)
            trial = trial_of(stream, posteriors, detector.model.hop)
            results[name], tables[name] = figures(trial, stream)
            tables[name]["baselines"] = {}
            for other, other_score in zip(others, other_scores, strict=True):
                theirs = trial_of(stream, other_score(stream.audio), other.model.hop)
                tables[name]["baselines"][other.workdir] = curves.det_curve(theirs)
                if other is others[0]:
                    relative[name] = _relative(trial, theirs, stream)
            listening.keep(name, stream, trial, results[name])
            left = (time.monotonic() - begun) / done * (len(made) - done)
            LOGGER.info(f"{name}: {stream.seconds / 3600:.2f} h scored, {left:.0f} s left")

    first = next(iter(results.values()))
    measured = {
        "keyword": config.keyword,
        "positives": first["positives"],
        "negative_hours": first["negative_hours"],
        "split": split,
        "workdir": str(workdir),
        "corpus": corpus,
        "conditions": results,
        "not_measured": missing,
    }
    if baselines:
        measured["relative_far"] = {"baseline": baselines[0], **{name: ratio for name, (ratio, _) in relative.items()}}
        measured["relative_far_interval_95"] = {name: interval for name, (_, interval) in relative.items()}
        measured["relative_far_at"] = f"the baseline's false rejects at {RELATIVE_RATE:g} false accepts an hour"
    (folder / "metrics.json").write_text(json.dumps(measured, indent=2))
    _write_det(folder / "det.csv", tables)
    _write_words(folder / "words.csv", tables)
    page = report.page(measured, tables, listening, About.of(workdir, config, detector.parameters, clips))
    (folder / "index.html").write_text(page, encoding="utf-8")
    return measured


def _baseline(workdir: str, keywords: tuple[str, ...]) -> TrainedDetector:
    baseline = open_detector(workdir, "--baseline")
    if set(baseline.keywords) != set(keywords):
        raise UserError(
            f"--baseline={workdir}: detects {baseline.config.keyword}; expected {', '.join(keywords)}, as --workdir does"
        )
    return baseline


def trial_of(stream: Stream, posteriors: Float[np.ndarray, "hops classes"], hop: int) -> curves.Trial:
    """The stream as the detector scored it: any keyword fires by the sum of the keywords' posteriors."""
    return trial_of_words(posteriors[:, 1:].sum(axis=1), [(p.speech_start, p.speech_stop) for p in stream.words], hop)


def trial_of_words(posteriors: Float[np.ndarray, "hops"], words: Sequence[tuple[int, int]], hop: int) -> curves.Trial:
    """Posteriors of any keyword, and where the words begin and end; these and `hop` in samples."""
    seconds, late = hop / SAMPLE_RATE, int(LATENESS_SECONDS * SAMPLE_RATE)
    zones = np.array([(start // hop, -(-(stop + late) // hop)) for start, stop in words], np.int64)
    deaf, after = (round(length / seconds) for length in (REFRACTORY_SECONDS, AFTERMATH_SECONDS))
    return curves.Trial(smooth(posteriors), zones, seconds, deaf, after)


def figures(trial: curves.Trial, stream: Stream) -> tuple[dict, dict]:
    """A condition's part of metrics.json, and the tables behind it."""
    curve = curves.det_curve(trial)
    points = {rate: curves.operating_point(curve, float(rate)) for rate in curves.RATES}
    stretch = round(float(np.diff(trial.zones, axis=1).mean()))
    eer, auc = curves.equal_error_and_area(trial, stretch)
    missed = {rate: trial.peaks < p["threshold"] for rate, p in points.items()}
    accepts = {share: curves.false_accepts_at(curve, float(share)) for share in curves.REJECTS}
    shown = next((rate for rate, p in points.items() if p["resolved"]), curves.RATES[-1])
    result = {
        "positives": curve.words,
        "negative_hours": round(curve.hours, 4),
        "frr_at_fa_per_hour": {rate: round(p["frr"], 5) for rate, p in points.items()},
        "frr_interval_95": {rate: _rounded(p["frr_interval"], 5) for rate, p in points.items()},
        "frr_interval_95_speakers": {
            rate: _rounded(speaker_interval(lost, stream.speakers), 5) for rate, lost in missed.items()
        },
        "fa_per_hour_at_frr": {share: round(p["fa_per_hour"], 3) for share, p in accepts.items()},
        "fa_per_hour_interval_95": {share: _rounded(p["interval"], 3) for share, p in accepts.items()},
        "eer": round(eer, 5),
        "auc": round(auc, 6),
        "threshold": {rate: round(p["threshold"], 6) for rate, p in points.items()},
        "false_accepts": {rate: p["false_accepts"] for rate, p in points.items()},
        "fa_per_hour_upper_95": {rate: round(p["fa_per_hour_upper"], 3) for rate, p in points.items()},
        "too_few_hours_for": [rate for rate, p in points.items() if not p["resolved"]],
        "breakdown_at_fa_per_hour": shown,
        **breakdown(trial, stream, points[shown]["threshold"]),
    }
    return result, {"curve": curve, "trial": trial, "words": stream.words}


def _relative(trial: curves.Trial, theirs: curves.Trial, stream: Stream):
    ratio, interval = relative_far([trial], [theirs], stream.speakers, RELATIVE_RATE)
    return None if ratio is None else round(ratio, 4), _rounded(interval, 4)


def _rounded(values: Sequence[float | None] | None, digits: int):
    return values and [None if value is None else round(value, digits) for value in values]


def _write_scores(rows, name: str, keyword: str, posteriors, hop: int) -> None:
    times = (f"{(i + 1) * hop / SAMPLE_RATE:.3f}" for i in range(len(posteriors)))
    summed = posteriors[:, 1:].sum(axis=1)
    rows.writerows((name, time, keyword, f"{p:.6f}") for time, p in zip(times, summed, strict=True))


def _write_det(path: Path, tables: dict) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["condition", "threshold", "false_accepts_per_hour", "false_reject_rate"])
        for name, table in tables.items():
            c = table["curve"]
            for threshold, accepts, rejects in zip(c.threshold, c.false_accepts, c.false_rejects, strict=True):
                rows.writerow([name, f"{threshold:.6f}", f"{accepts / c.hours:.4f}", f"{rejects / c.words:.5f}"])


def _write_words(path: Path, tables: dict) -> None:
    """When each word is said, and its highest score: with scores.csv, all that another harness needs."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "id", "start", "end", "peak", "speaker"])
        for name, table in tables.items():
            for part, peak in zip(table["words"], table["trial"].peaks, strict=True):
                start, stop = part.speech_start / SAMPLE_RATE, part.speech_stop / SAMPLE_RATE
                rows.writerow([name, part.id, f"{start:.5f}", f"{stop:.5f}", f"{peak:.6f}", part.speaker])
