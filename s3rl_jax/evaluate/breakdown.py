"""A condition's misses by speaker and by noise, its false accepts by source, and the latency of its detections."""

import collections
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.evaluate.intervals import poisson, wilson
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.evaluate.trial import Trial

UNKNOWN = "unknown"  # name of the group without a speaker, source or attribute
ATTRIBUTES = ("sex", "age", "accent", "lang")  # attributes of speakers for which misses are counted, if the corpus has them


def breakdown(trial: Trial, stream: Stream, threshold: float) -> dict:
    """Counts a condition's misses by group, at one threshold.

    Returns:
      `latency_seconds` (median, p95, most; None if nothing is detected) and `by_speaker`; with background noise `by_noise`,
      which also counts false accepts; `by_sex`, `by_age`, `by_accent`, `by_lang` and `false_accepts_by_source` if the corpus
      has these texts.
    """
    missed, words = trial.peaks < threshold, stream.words
    latency = latencies(trial, np.array([clip.speech_stop / SAMPLE_RATE for clip in words]), threshold)
    parts = {
        "latency_seconds": _latency_summary(latency),
        "by_speaker": misses_by_group(missed, [clip.speaker or UNKNOWN for clip in words]),
    }
    for attribute in ATTRIBUTES:
        values = [getattr(clip, attribute) for clip in words]
        if any(values):
            parts[f"by_{attribute}"] = misses_by_group(missed, [value or UNKNOWN for value in values])
    if any(clip.source for clip in stream.clips):
        parts["false_accepts_by_source"] = false_accepts_by_source(trial, stream, threshold)
    if stream.noises:
        parts["by_noise"] = misses_by_group(missed, [stream.noise_at(clip.speech_start / SAMPLE_RATE) for clip in words])
        for hop in trial.false_accepts(threshold):
            row = parts["by_noise"].setdefault(stream.noise_at((hop + 1) * trial.hop_seconds), {"words": 0})
            row["false_accepts"] = row.get("false_accepts", 0) + 1
    return parts


def false_accepts_by_source(trial: Trial, stream: Stream, threshold: float) -> dict[str, dict]:
    """False accepts of each source, the source with the highest rate first.

    Returns:
      For each source `hours` of its recordings without the keyword, `false_accepts`, `fa_per_hour` and `interval_95`
      (Poisson).
    """
    samples = collections.Counter()
    for clip in stream.clips:
        if not clip.positive:
            samples[clip.source or UNKNOWN] += clip.stop - clip.start
    fired = [stream.clip_at((hop + 1) * trial.hop_seconds) for hop in trial.false_accepts(threshold).tolist()]
    counts = collections.Counter(clip.source or UNKNOWN for clip in fired)
    rows = {}
    for source in samples | counts:
        hours, count = samples[source] / SAMPLE_RATE / 3600, counts[source]
        rate = (
            round(count / hours, 3) if hours else None
        )  # 0 h: the source has keywords alone, and one was followed by a firing
        interval = [round(end / hours, 3) for end in poisson(count)] if hours else None
        rows[source] = {"hours": round(hours, 4), "false_accepts": count, "fa_per_hour": rate, "interval_95": interval}
    return dict(sorted(rows.items(), key=lambda item: (-item[1]["false_accepts"] / max(item[1]["hours"], 1e-4), item[0])))


def latencies(trial: Trial, ends: Float[np.ndarray, "words"], threshold: float) -> Float[np.ndarray, "detected"]:
    """Seconds from the end of each detected word to its detection; negative if the detection comes before the end.

    Args:
      trial: scores of a stream.
      ends: ends of the words in seconds.
      threshold: threshold of the detector.
    """
    fired = trial.firings(threshold)
    seconds = []
    for (first, last), end in zip(trial.zones, ends, strict=True):
        inside = fired[(fired >= first) & (fired < last)]
        if len(inside):
            seconds.append((inside[0] + 1) * trial.hop_seconds - end)
    return np.array(seconds, float)


def misses_by_group(missed: Bool[np.ndarray, "words"], groups: Sequence[str]) -> dict[str, dict]:
    """`words`, `missed`, `frr` and `interval_95` (Wilson) of each group, the group with the highest `frr` first."""
    names = np.asarray(groups, dtype=str)
    rows = {str(name): _miss_rate(missed[names == name]) for name in np.unique(names)}
    return dict(sorted(rows.items(), key=lambda item: (-item[1]["frr"], item[0])))


def _miss_rate(missed: Bool[np.ndarray, "words"]) -> dict:
    count, words = int(missed.sum()), len(missed)
    interval = [round(end, 5) for end in wilson(count, words)]
    return {"words": words, "missed": count, "frr": round(float(missed.mean()), 5), "interval_95": interval}


def _latency_summary(seconds: Float[np.ndarray, "detected"]) -> dict[str, float] | None:
    if not len(seconds):
        return None
    return {
        "median": round(float(np.median(seconds)), 3),
        "p95": round(float(np.quantile(seconds, 0.95)), 3),
        "most": round(float(seconds.max()), 3),
    }
