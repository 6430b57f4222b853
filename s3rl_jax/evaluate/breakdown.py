"""Whom and what a detector misses: by speaker and by noise, how late it is, and what speakers leave uncertain."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.detect.firing import firings
from s3rl_jax.evaluate.curves import Trial, wilson
from s3rl_jax.evaluate.stream import Stream

DRAWS = 2000


def latencies(trial: Trial, ends: Float[np.ndarray, "words"], threshold: float) -> Float[np.ndarray, "found"]:
    """Seconds from the end of each word to its detection; below 0, it fired before the word was over.

    Args:
      trial: a stream's scores.
      ends: of the words, in seconds.
      threshold: at which it fires.
    """
    fired = firings(trial.scores, threshold, trial.refractory)
    found = []
    for (first, last), end in zip(trial.zones, ends, strict=True):
        inside = fired[(fired >= first) & (fired < last)]
        if len(inside):
            found.append((inside[0] + 1) * trial.hop_seconds - end)
    return np.array(found)


def speaker_interval(missed: Bool[np.ndarray, "words"], speakers: Sequence[str]) -> list[float] | None:
    """95 % of the false reject rate over redrawn speakers: their words stand or fall together.

    None where nothing is missed or everything, or all words are one speaker's: redrawing shows no difference then.
    """
    names, place = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    if len(names) < 2 or missed.all() or not missed.any():
        return None
    lost, words = np.bincount(place, missed), np.bincount(place)
    drawn = stats.bootstrap(
        (lost, words),
        lambda lost, words, axis: lost.sum(axis) / words.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=DRAWS,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return [float(drawn.low), float(drawn.high)]


def by_group(missed: Bool[np.ndarray, "words"], groups: Sequence[str]) -> dict[str, dict]:
    """`words`, `missed`, `frr` and its `interval_95` (Wilson) of each group; the worst first."""
    groups = np.asarray(groups, dtype=str)
    found = {}
    for name in np.unique(groups):
        own = missed[groups == name]
        low, high = wilson(int(own.sum()), len(own))
        found[str(name)] = {
            "words": len(own),
            "missed": int(own.sum()),
            "frr": round(float(own.mean()), 5),
            "interval_95": [round(low, 5), round(high, 5)],
        }
    return dict(sorted(found.items(), key=lambda item: (-item[1]["frr"], item[0])))


def breakdown(trial: Trial, stream: Stream, threshold: float) -> dict:
    """A condition's misses at one threshold by `speaker` and by `noise`, with false accepts by noise, and `latency_seconds`."""
    missed = trial.peaks < threshold
    words = stream.words
    late = latencies(trial, np.array([part.speech_stop / SAMPLE_RATE for part in words]), threshold)
    found = {
        "latency_seconds": {
            "median": round(float(np.median(late)), 3),
            "p95": round(float(np.quantile(late, 0.95)), 3),
            "most": round(float(late.max()), 3),
        }
        if len(late)
        else None,
        "by_speaker": by_group(missed, [part.speaker or "unknown" for part in words]),
    }
    if stream.noises:
        found["by_noise"] = by_group(missed, [stream.noise_at(part.speech_start / SAMPLE_RATE) for part in words])
        for hop in trial.false_accepts(threshold):
            kind = found["by_noise"].setdefault(stream.noise_at((hop + 1) * trial.hop_seconds), {"words": 0})
            kind["false_accepts"] = kind.get("false_accepts", 0) + 1
    return found
