"""Measures one detector on one split in all conditions: metrics.json, det.csv, scores.csv, words.csv, index.html."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.keywords import left_out_of, speech_classes
from s3rl_jax.corpus.synthetic import is_synthetic
from s3rl_jax.evaluate.classification import classify
from s3rl_jax.evaluate.condition_metrics import condition_metrics, rounded
from s3rl_jax.evaluate.conditions import open_conditions
from s3rl_jax.evaluate.curves import det_curve
from s3rl_jax.evaluate.keyword_points import keyword_points
from s3rl_jax.evaluate.relative_false_accepts import RELATIVE_RATE, RelativeFalseAccepts, relative_false_accepts
from s3rl_jax.evaluate.report.folder import METRICS, PAGE, new_report
from s3rl_jax.evaluate.report.model_card import ModelCard, model_card
from s3rl_jax.evaluate.report.page import report_page
from s3rl_jax.evaluate.report.tables import write_tables
from s3rl_jax.evaluate.report.worst_clips import worst_clips
from s3rl_jax.evaluate.results import ConditionResult
from s3rl_jax.evaluate.scored_detector import ScoredDetector, of_run, open_baseline
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.runs.detector import CLIPS, open_detector
from s3rl_jax.starter.unpacking import ensure_unpacked


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
      workdir: workdir of the detector.
      corpus: one corpus or several, comma-separated.
      split: one split or several, joined with +.
      out: folder of the report.
      conditions: names of conditions; empty: all that the split can provide.
      by_noise: whether each kind of noise also is a condition by itself.
      baselines: workdirs or exported files of other detectors of the same keyword, which score the same streams;
        `relative_far` is relative to the first.

    Returns:
      The contents of metrics.json.

    Raises:
      UserError: if `workdir` or a baseline holds no detector, or the split has no keyword in it.
      OSError: if the report cannot be written; an older report in `out` stays as it was.
    """
    detector = open_detector(workdir, "--workdir")
    ensure_unpacked(corpus)
    clips = read_corpus(corpus, split)
    classes = speech_classes(clips, detector.keywords)
    left_out = left_out_of(classes)
    if detector.config.get("measure", "stream") == CLIPS:
        if baselines or conditions:
            raise UserError(f"--workdir={workdir}: its clips are classified; --baseline and --conditions are for streams")
        return classify(detector, clips, split, Path(out), corpus)
    others = [open_baseline(baseline, detector.keywords) for baseline in baselines]
    streams, unavailable = open_conditions(clips, detector.keywords, conditions, by_noise)
    for name, reason in unavailable.items():
        LOGGER.info(f"{name} is not measured: {reason}")
    with new_report(Path(out)) as aside:  # opened before the scoring, so that a folder that cannot be written fails early
        results = dict(_score_conditions(streams, of_run(detector), others))
        names = {
            "split": split,
            "workdir": str(workdir),
            "step": detector.step,
            "corpus": corpus,
            "left_out": left_out,
            "synthetic_positives": int(is_synthetic(clips)[classes > 0].sum()),
        }
        metrics = _summary(detector.config.keyword, names, results, unavailable, baselines)
        _write_report(aside, metrics, results, model_card(detector, clips))
    return metrics


def _score_conditions(
    streams: dict[str, Callable[[], Stream]], detector: ScoredDetector, baselines: list[ScoredDetector]
) -> Iterator[tuple[str, ConditionResult]]:
    """Yields name and result of each condition. Only one stream at a time is in memory."""
    start = time.monotonic()
    for done, (name, make_stream) in enumerate(streams.items(), start=1):
        stream = make_stream()
        yield name, _score(name, stream, detector, baselines)
        seconds_left = (time.monotonic() - start) / done * (len(streams) - done)
        LOGGER.info(f"{name}: {stream.seconds / 3600:.2f} h scored, {seconds_left:.0f} s left")


def _score(name: str, stream: Stream, detector: ScoredDetector, baselines: list[ScoredDetector]) -> ConditionResult:
    posteriors = detector.score(stream.audio)
    trial = detector.trial(stream, posteriors)
    curve = det_curve(trial)
    metrics = condition_metrics(trial, stream, curve)
    metrics["keywords"] = keyword_points(stream, posteriors, detector.keywords, detector.hop, detector.firing, whole=curve)
    threshold = metrics["threshold"][metrics["breakdown_at_fa_per_hour"]]
    baseline_trials = {baseline.name: baseline.trial(stream) for baseline in baselines}
    first = next(iter(baseline_trials.values()), None)
    return ConditionResult(
        metrics=metrics,
        posteriors=posteriors[:, 1:].sum(axis=1),
        trial=trial,
        curve=curve,
        words=stream.words,
        baseline_curves={name: det_curve(baseline_trial) for name, baseline_trial in baseline_trials.items()},
        relative=None if first is None else relative_false_accepts([trial], [first], stream.speakers),
        worst_clips=worst_clips(name, stream, trial, threshold),
    )


def _summary(
    keyword: str,
    names: dict[str, str | int],
    results: dict[str, ConditionResult],
    unavailable: dict[str, str],
    baselines: tuple[str, ...],
) -> dict:
    """Composes the contents of metrics.json."""
    first = next(iter(results.values())).metrics
    metrics = {
        "keyword": keyword,
        "positives": first["positives"],
        "negative_hours": first["negative_hours"],
        **names,
        "conditions": {name: result.metrics for name, result in results.items()},
        "not_measured": unavailable,
    }
    if baselines:
        relative = {name: result.relative or RelativeFalseAccepts(None, None) for name, result in results.items()}
        ratios = {name: None if each.ratio is None else round(each.ratio, 4) for name, each in relative.items()}
        metrics["relative_far"] = {"baseline": baselines[0], **ratios}
        metrics["relative_far_interval_95"] = {name: rounded(each.interval, 4) for name, each in relative.items()}
        metrics["relative_far_at"] = f"the baseline's false rejects at {RELATIVE_RATE:g} false accepts an hour"
    return metrics


def _write_report(folder: Path, metrics: dict, results: dict[str, ConditionResult], card: ModelCard) -> None:
    write_tables(folder, results, metrics["keyword"])
    (folder / METRICS).write_text(json.dumps(metrics, indent=2))
    (folder / PAGE).write_text(report_page(metrics, results, card), encoding="utf-8")
