"""Trade-off curves of false rejects and false accepts, and the operating points on them."""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn import metrics

from s3rl_jax.evaluate.intervals import poisson, poisson_upper, wilson
from s3rl_jax.evaluate.trial import Trial

RATES = ("0.1", "0.5", "1", "10")  # false accepts an hour, as metrics.json writes them
REJECTS = ("0.01", "0.02", "0.05", "0.1", "0.2")  # false reject rates, as metrics.json writes them
MOST_THRESHOLDS = 1000


@dataclasses.dataclass(frozen=True)
class Curve:
    """Counts of false rejects and false accepts at ascending thresholds, among `words` words and in `hours` hours."""

    threshold: Float[np.ndarray, "points"]
    false_rejects: Int[np.ndarray, "points"]
    false_accepts: Int[np.ndarray, "points"]
    words: int
    hours: float


class OperatingPoint(NamedTuple):
    """A threshold chosen by a rate of false accepts.

    Attributes:
      threshold: the lowest threshold at which, and above which, the count does not exceed the rate.
      frr: false reject rate.
      frr_interval: its 95 % interval (Wilson).
      false_accepts: number of false accepts.
      fa_per_hour_upper: highest rate that this number does not exclude (Poisson, one-sided 95 %).
      resolved: whether the stream is so long that the rate allows at least one false accept. If it is not, the threshold is
        above the scores of all negatives, and a count of 0 does not prove the rate.
    """

    threshold: float
    frr: float
    frr_interval: tuple[float, float]
    false_accepts: int
    fa_per_hour_upper: float
    resolved: bool


class FalseAcceptRate(NamedTuple):
    """False accepts an hour at a threshold, with the exact 95 % interval (Poisson)."""

    threshold: float
    fa_per_hour: float
    interval: tuple[float, float]


def det_curve(trial: Trial) -> Curve:
    """Counts false rejects and false accepts at every threshold where either may change.

    There are at most 1500 thresholds: the 500 highest, and others evenly spaced by rank.
    """
    peaks, outside = trial.peaks, trial.outside
    negative = np.where(outside, trial.held, 0.0)
    # A word is detected at a threshold equal to its score; a negative is no false accept just above its score.
    candidates = np.unique(np.concatenate([peaks, np.nextafter(_local_maxima(negative), 2.0)]))
    if len(candidates) > MOST_THRESHOLDS:
        keep = np.linspace(0, len(candidates) - 1, MOST_THRESHOLDS).astype(int)
        top = candidates[-MOST_THRESHOLDS // 2 :]  # all of the highest are kept, because operating points are among them
        candidates = np.union1d(candidates[keep], top)
    rejects = np.searchsorted(np.sort(peaks), candidates, side="left")
    accepts = np.array([len(trial.false_accepts(threshold)) for threshold in candidates])
    return Curve(candidates, rejects, accepts, len(peaks), trial.negative_hours)


def operating_point(curve: Curve, rate: float) -> OperatingPoint:
    """Finds the lowest threshold at which, and above which, there are at most `rate` false accepts an hour."""
    allowed = rate * curve.hours
    too_many = np.flatnonzero(curve.false_accepts > allowed)
    point = min(too_many[-1] + 1 if len(too_many) else 0, len(curve.threshold) - 1)
    rejects, accepts = int(curve.false_rejects[point]), int(curve.false_accepts[point])
    if accepts > allowed:  # even the highest threshold fires too often: nothing is accepted
        rejects = curve.words
    return OperatingPoint(
        threshold=float(curve.threshold[point]),
        frr=rejects / curve.words,
        frr_interval=wilson(rejects, curve.words),
        false_accepts=accepts,
        fa_per_hour_upper=poisson_upper(accepts) / curve.hours,
        resolved=bool(allowed >= 1),
    )


def false_accepts_at(curve: Curve, rejects: float) -> FalseAcceptRate:
    """False accepts an hour at the highest threshold that misses at most a share `rejects` of the words."""
    point = highest_point(curve, rejects * curve.words)
    accepts = int(curve.false_accepts[point])
    low, high = poisson(accepts)
    return FalseAcceptRate(float(curve.threshold[point]), accepts / curve.hours, (low / curve.hours, high / curve.hours))


def highest_point(curve: Curve, most: float | int) -> int:
    """Index of the highest threshold with at most that many false rejects; the lowest threshold if even it has more."""
    return max(int(np.searchsorted(curve.false_rejects, most, side="right")) - 1, 0)


def equal_error_and_area(trial: Trial, stretch_hops: int) -> tuple[float, float]:
    """Equal error rate and area under the ROC curve.

    Words are compared with stretches of the stream outside the words' zones. Each counts with its highest score.

    Args:
      trial: scores of a stream.
      stretch_hops: hops of a stretch, as many as a word's zone has.
    """
    stretches = trial.stretch_peaks(stretch_hops)
    truth = np.concatenate([np.ones(len(trial.zones)), np.zeros(len(stretches))])
    scores = np.concatenate([trial.peaks, stretches])
    accept, detect, _ = metrics.roc_curve(truth, scores)
    reject = 1 - detect
    point = int(np.argmin(np.abs(accept - reject)))
    return float((accept[point] + reject[point]) / 2), float(metrics.roc_auc_score(truth, scores))


def _local_maxima(scores: Float[np.ndarray, "hops"]) -> Float[np.ndarray, "maxima"]:
    padded = np.concatenate([[-1.0], scores, [-1.0]])
    return scores[(scores >= padded[:-2]) & (scores >= padded[2:]) & (scores > 0)]
