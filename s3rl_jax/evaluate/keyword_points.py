"""The threshold of each keyword of a detector at each operating point, and its refractory time, chosen on a stream."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from s3rl_jax.corpus.keywords import label_class
from s3rl_jax.detect.firing import USUAL, FiringSettings
from s3rl_jax.evaluate.curves import RATES, Curve, det_curve, operating_point
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.evaluate.trial import Trial, trial_of_words

REFRACTORY_STEP_SECONDS = 0.25  # refractory times that are tried: multiples of this
SHORTEST_REFRACTORY_SECONDS = 0.5


def keyword_points(
    stream: Stream,
    posteriors: Float[np.ndarray, "hops classes"],
    keywords: tuple[str, ...],
    hop: int,
    firing: FiringSettings = USUAL,
    agrees: Bool[np.ndarray, "hops keywords"] | None = None,
    whole: Curve | None = None,
) -> dict[str, dict[str, Any]]:
    """Chooses threshold and refractory time of each keyword, as the .json and metrics.json have them.

    The score of a keyword is its own posterior, and its firings in words of other keywords are false accepts. Each keyword
    gets an equal share of the false accepts, so that the detector as a whole keeps the rate.

    Args:
      stream: the stream.
      posteriors: posteriors after each hop; class 0 is no keyword.
      keywords: class k + 1 is keyword k.
      hop: samples from one score to the next.
      firing: settings of firing, with the longest refractory time.
      agrees: whether a second model agrees with each keyword at each hop; None: there is none.
      whole: curve of the sum of all keywords, which is that of a single keyword; None: it is computed where it is needed.

    Returns:
      For each keyword `positives`, `threshold` and `frr_at_fa_per_hour` at each operating point, and `refractory_seconds`.
      Empty if the stream has no word of one of the keywords.
    """
    words = {keyword: [] for keyword in keywords}
    for clip in stream.words:
        words[keywords[label_class(clip.label, True, keywords) - 1]].append((clip.speech_start, clip.speech_stop))
    if not all(words.values()):
        return {}
    points = {}
    for place, keyword in enumerate(keywords, start=1):
        agreement = None if agrees is None else agrees[:, place - 1]
        trial = trial_of_words(posteriors[:, place], words[keyword], hop, firing, agreement)
        curve = whole if whole and len(keywords) == 1 else det_curve(trial)
        chosen = {rate: operating_point(curve, float(rate) / len(keywords)) for rate in RATES}
        thresholds = {rate: round(point.threshold, 6) for rate, point in chosen.items()}
        points[keyword] = {
            "positives": curve.words,
            "threshold": thresholds,
            "frr_at_fa_per_hour": {rate: round(point.frr, 5) for rate, point in chosen.items()},
            "refractory_seconds": shortest_refractory(trial, list(thresholds.values()), firing.refractory_seconds),
        }
    return points


def shortest_refractory(trial: Trial, thresholds: Sequence[float], longest: float) -> float:
    """The shortest refractory time with which nothing fires more often than with the longest.

    Args:
      trial: scores of a stream, with the longest refractory time.
      thresholds: thresholds at which the number of firings is compared.
      longest: the longest refractory time, in seconds.
    """
    counts = [len(trial.firings(threshold)) for threshold in thresholds]
    for multiple in range(round(SHORTEST_REFRACTORY_SECONDS / REFRACTORY_STEP_SECONDS), int(longest / REFRACTORY_STEP_SECONDS)):
        seconds = multiple * REFRACTORY_STEP_SECONDS
        shorter = dataclasses.replace(trial, refractory=round(seconds / trial.hop_seconds))
        fired = [len(shorter.firings(threshold)) for threshold in thresholds]
        if all(now <= before for now, before in zip(fired, counts, strict=True)):
            return seconds
    return longest
