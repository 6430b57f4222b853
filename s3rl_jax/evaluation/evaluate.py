"""One detector, one split, all conditions: metrics.json, det.csv, scores.csv, words.csv, index.html."""

import csv
import json
import sys
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float

from s3rl_jax.audio.events import REFRACTORY_SECONDS, smooth
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.data.corpus import read_corpus
from s3rl_jax.data.windows import parse_keywords
from s3rl_jax.evaluation import curves, report
from s3rl_jax.evaluation.scoring import scorer
from s3rl_jax.evaluation.stream import Stream, build_stream, with_noise
from s3rl_jax.tasks.finetune import keyword_model
from s3rl_jax.training.checkpoint import read_params
from s3rl_jax.workdir import read_config

SNRS = (10, 5, 0)
LATENESS_SECONDS = 1.0  # how long after the word's end a detection still counts as one of it
AFTERMATH_SECONDS = 1.0  # and how long after that it is no false accept, as the word may still be in the window
SEED = 20230820  # of the stream's order: the same for every detector


def evaluate(workdir: str, corpus: str, split: str, out: str) -> dict:
    """Scores a fine-tuned detector and writes the report.

    Returns:
      What is in metrics.json.

    Raises:
      UserError: if `workdir` holds no detector or the split has no keyword in it.
    """
    config = read_config(workdir, "--workdir", "finetune")
    keywords = parse_keywords(config.keyword)
    clips = read_corpus(corpus, split)
    stream = build_stream(clips, keywords, SEED)
    model = keyword_model(config, len(keywords) + 1)
    score, hop = scorer(model, read_params(workdir, "--workdir")), model.hop
    conditions = {"clean": None}
    if (clips.columns["kind"] == "noise").any():
        conditions |= {f"snr_{snr}": float(snr) for snr in SNRS}
    else:
        print(f"--split={split} has no noise recordings: clean condition only", file=sys.stderr)

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    results, tables = {}, {}
    begun = time.monotonic()
    with open(folder / "scores.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "time", "label", "posterior"])
        for done, (name, snr) in enumerate(conditions.items(), start=1):
            heard = stream if snr is None else with_noise(stream, clips, snr, SEED)
            posteriors = score(heard.audio)
            times = (f"{(i + 1) * hop / SAMPLE_RATE:.3f}" for i in range(len(posteriors)))
            summed = posteriors[:, 1:].sum(axis=1)
            rows.writerows((name, time, config.keyword, f"{p:.6f}") for time, p in zip(times, summed, strict=True))
            trial = trial_of(stream, posteriors, hop)
            results[name], tables[name] = figures(trial)
            left = (time.monotonic() - begun) / done * (len(conditions) - done)
            print(f"{name}: {stream.seconds / 3600:.2f} h scored, {left:.0f} s left", file=sys.stderr)

    measured = {
        "keyword": config.keyword,
        "positives": sum(part.positive for part in stream.parts),
        "negative_hours": round(trial.negative_hours, 4),
        "split": split,
        "workdir": str(workdir),
        "corpus": corpus,
        "conditions": results,
    }
    (folder / "metrics.json").write_text(json.dumps(measured, indent=2))
    _write_det(folder / "det.csv", tables)
    _write_words(folder / "words.csv", stream, tables)
    (folder / "index.html").write_text(report.page(measured, tables, stream), encoding="utf-8")
    return measured


def _zones(stream: Stream, hop: int) -> np.ndarray:
    late = int(LATENESS_SECONDS * SAMPLE_RATE)
    spans = [(p.speech_start // hop, -(-(p.speech_stop + late) // hop)) for p in stream.parts if p.positive]
    return np.array(spans, np.int64)


def trial_of(stream: Stream, posteriors: Float[np.ndarray, "hops classes"], hop: int) -> curves.Trial:
    """The stream as the detector scored it: any keyword fires by the sum of the keywords' posteriors."""
    seconds = hop / SAMPLE_RATE
    scores = smooth(posteriors[:, 1:].sum(axis=1))
    deaf, late = (round(length / seconds) for length in (REFRACTORY_SECONDS, AFTERMATH_SECONDS))
    return curves.Trial(scores, _zones(stream, hop), seconds, deaf, late)


def figures(trial: curves.Trial) -> tuple[dict, dict]:
    """A condition's part of metrics.json, and the tables behind it."""
    curve = curves.det_curve(trial)
    points = {rate: curves.operating_point(curve, float(rate)) for rate in curves.RATES}
    stretch = round(float(np.diff(trial.zones, axis=1).mean()))
    eer, auc = curves.equal_error_and_area(trial, stretch)
    result = {
        "frr_at_fa_per_hour": {rate: round(p["frr"], 5) for rate, p in points.items()},
        "frr_interval_95": {rate: [round(v, 5) for v in p["frr_interval"]] for rate, p in points.items()},
        "eer": round(eer, 5),
        "auc": round(auc, 6),
        "threshold": {rate: round(p["threshold"], 6) for rate, p in points.items()},
        "false_accepts": {rate: p["false_accepts"] for rate, p in points.items()},
        "fa_per_hour_upper_95": {rate: round(p["fa_per_hour_upper"], 3) for rate, p in points.items()},
        "too_few_hours_for": [rate for rate, p in points.items() if not p["resolved"]],
    }
    fired = trial.false_accepts(points["10"]["threshold"])
    worst = sorted(((float(trial.scores[i]), (i + 1) * trial.hop_seconds) for i in fired), reverse=True)[:20]
    return result, {"curve": curve, "peaks": trial.peaks, "false_accepts": worst}


def _write_det(path: Path, tables: dict) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["condition", "threshold", "false_accepts_per_hour", "false_reject_rate"])
        for name, table in tables.items():
            c = table["curve"]
            for threshold, accepts, rejects in zip(c.threshold, c.false_accepts, c.false_rejects, strict=True):
                rows.writerow([name, f"{threshold:.6f}", f"{accepts / c.hours:.4f}", f"{rejects / c.words:.5f}"])


def _write_words(path: Path, stream: Stream, tables: dict) -> None:
    """When each word is said, and its highest score: with scores.csv, all that another harness needs."""
    words = [part for part in stream.parts if part.positive]
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "id", "start", "end", "peak"])
        for name, table in tables.items():
            for part, peak in zip(words, table["peaks"], strict=True):
                start, stop = part.speech_start / SAMPLE_RATE, part.speech_stop / SAMPLE_RATE
                rows.writerow([name, part.id, f"{start:.3f}", f"{stop:.3f}", f"{peak:.6f}"])
