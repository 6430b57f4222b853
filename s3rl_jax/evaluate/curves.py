"""Scores and the times of the words -> false rejects, false accepts, and what is certain of them."""

import dataclasses
import functools

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats
from sklearn import metrics

from s3rl_jax.detect.firing import firings

RATES = ("0.1", "0.5", "1", "10")  # false accepts per hour, as they are written in metrics.json
REJECTS = ("0.01", "0.02", "0.05", "0.1", "0.2")  # shares of the words
MOST_THRESHOLDS = 1000


@dataclasses.dataclass(frozen=True)
class Trial:
    """One stream's smoothed scores, and where in it a firing is right.

    Attributes:
      scores: posterior of the keyword at each hop.
      zones: first hop and one past the last hop at which a firing counts for each word.
      hop_seconds: time between hops.
      refractory: hops after a firing at which the detector is deaf.
      aftermath: hops after a zone at which a firing is neither right nor false: it is the word's, and too late.
    """

    scores: Float[np.ndarray, "hops"]
    zones: Int[np.ndarray, "words 2"]
    hop_seconds: float
    refractory: int
    aftermath: int = 0

    @functools.cached_property
    def outside(self) -> Bool[np.ndarray, "hops"]:
        """Hops at which a firing is false."""
        outside = np.ones(len(self.scores), bool)
        for first, last in self.zones:
            outside[first : last + self.aftermath] = False
        return outside

    @property
    def negative_hours(self) -> float:
        return float(self.outside.sum()) * self.hop_seconds / 3600

    @property
    def peaks(self) -> Float[np.ndarray, "words"]:
        """Highest score of each word."""
        return np.array([self.scores[first:last].max(initial=0.0) for first, last in self.zones])

    def false_accepts(self, threshold: float) -> Int[np.ndarray, "firings"]:
        """Hops at which it fires outside of the words' zones. After one in a zone it is deaf, as after any other."""
        fired = firings(self.scores, threshold, self.refractory)
        return fired[self.outside[fired]]


@dataclasses.dataclass(frozen=True)
class Curve:
    """False rejects and accepts at thresholds in rising order."""

    threshold: Float[np.ndarray, "points"]
    false_rejects: Int[np.ndarray, "points"]
    false_accepts: Int[np.ndarray, "points"]
    words: int
    hours: float


def det_curve(trial: Trial) -> Curve:
    """False rejects and false accepts at every threshold where either may change (at most 1000, evenly by rank)."""
    peaks, outside = trial.peaks, trial.outside
    negative = np.where(outside, trial.scores, 0.0)
    # Just above a negative's score is where it stops to count; at a word's score is where it still counts.
    candidates = np.unique(np.concatenate([peaks, np.nextafter(_local_maxima(negative), 2.0)]))
    if len(candidates) > MOST_THRESHOLDS:
        keep = np.linspace(0, len(candidates) - 1, MOST_THRESHOLDS).astype(int)
        top = candidates[-MOST_THRESHOLDS // 2 :]  # where the operating points are, every one is kept
        candidates = np.union1d(candidates[keep], top)
    rejects = np.searchsorted(np.sort(peaks), candidates, side="left")
    accepts = np.array([len(trial.false_accepts(t)) for t in candidates])
    return Curve(candidates, rejects, accepts, len(peaks), trial.negative_hours)


def operating_point(curve: Curve, rate: float) -> dict:
    """The lowest threshold from which on no more than `rate` false accepts an hour were counted.

    Returns:
      `threshold`, `frr`, `frr_interval` (Wilson, 95 %), `false_accepts` (counted), `fa_per_hour_upper` (Poisson, one-sided
      95 %: the rate which that count does not exclude), `resolved`: whether the stream is long enough for this rate
      to allow one false accept at all. Where it is not, the threshold stands above all negatives, and the count of 0
      is no proof of the rate.
    """
    allowed = rate * curve.hours
    within = np.flatnonzero(curve.false_accepts > allowed)
    first = min(within[-1] + 1 if len(within) else 0, len(curve.threshold) - 1)
    rejects = int(curve.false_rejects[first])
    if curve.false_accepts[first] > allowed:  # even the highest threshold fires too often: nothing is accepted
        rejects = curve.words
    accepts = int(curve.false_accepts[first])
    return {
        "threshold": float(curve.threshold[first]),
        "frr": rejects / curve.words,
        "frr_interval": list(wilson(rejects, curve.words)),
        "false_accepts": accepts,
        "fa_per_hour_upper": float(stats.chi2.ppf(0.95, 2 * (accepts + 1)) / 2 / curve.hours),
        "resolved": bool(allowed >= 1),
    }


def false_accepts_at(curve: Curve, rejects: float) -> dict:
    """The highest threshold that misses no more than a share `rejects` of the words.

    Returns:
      `fa_per_hour` and its `interval` (Poisson, exact, 95 %), `threshold`.
    """
    place = max(int(np.searchsorted(curve.false_rejects, rejects * curve.words, side="right")) - 1, 0)
    accepts = int(curve.false_accepts[place])
    return {
        "threshold": float(curve.threshold[place]),
        "fa_per_hour": accepts / curve.hours,
        "interval": [rate / curve.hours for rate in poisson(accepts)],
    }


def wilson(rejects: int, words: int) -> tuple[float, float]:
    """95 % interval of a share."""
    interval = stats.binomtest(rejects, words).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def poisson(events: int) -> tuple[float, float]:
    """Exact 95 % interval of what is expected where `events` were counted (Garwood 1936)."""
    low = float(stats.chi2.ppf(0.025, 2 * events) / 2) if events else 0.0
    return low, float(stats.chi2.ppf(0.975, 2 * (events + 1)) / 2)


def equal_error_and_area(trial: Trial, stretch_hops: int) -> tuple[float, float]:
    """EER and area under the ROC curve over words and, as negatives, stretches as long as a word's zone.

    A stretch of the stream outside the words' zones counts with its highest score, as a word does.
    """
    negative = trial.scores[trial.outside]
    stretches = negative[: len(negative) // stretch_hops * stretch_hops].reshape(-1, stretch_hops).max(axis=1)
    truth = np.concatenate([np.ones(len(trial.zones)), np.zeros(len(stretches))])
    scores = np.concatenate([trial.peaks, stretches])
    accept, detect, _ = metrics.roc_curve(truth, scores)
    reject = 1 - detect
    place = int(np.argmin(np.abs(accept - reject)))
    return float((accept[place] + reject[place]) / 2), float(metrics.roc_auc_score(truth, scores))


def _local_maxima(scores):
    padded = np.concatenate([[-1.0], scores, [-1.0]])
    return scores[(scores >= padded[:-2]) & (scores >= padded[2:]) & (scores > 0)]
