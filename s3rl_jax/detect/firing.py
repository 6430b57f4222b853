"""Firing: turns the posteriors of each hop into detections. Smoothing, threshold and re-arming are defined here alone.

Evaluation scores a whole stream at once (`keyword_scores`, `firings`, `detections`); a device steps through it
(`FiringState`). Both give the same scores and fire at the same hops. This module uses NumPy alone, because the device has no
JAX.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

SMOOTHING_HOPS = 3
# Of 1 to 5 hops on eight hours (docs/results.md): a seventh fewer misses than 1 at half a false accept an hour, 0.3 s later.
PATIENCE = 3
REARM = 0.5
# A word stays in a window of 1.5 s for 1.5 s, and in the mean over three hops for two hops longer. The detector does not fire
# for longer than that, so one utterance fires once.
REFRACTORY_SECONDS = 2.0
AFTER_WINDOW_SECONDS = 0.5  # by which the refractory time exceeds a long window


class FiringSettings(NamedTuple):
    """The settings of firing that do not depend on the threshold, as the .json has them; see `FiringRule`."""

    refractory_seconds: float = REFRACTORY_SECONDS
    smoothing_hops: int = SMOOTHING_HOPS
    patience: int = PATIENCE
    rearm: float | None = REARM


USUAL = FiringSettings()


class FiringRule(NamedTuple):
    """When a detector fires.

    A keyword fires at a hop if its score has reached its threshold at the last `patience` hops, its last firing is over
    `refractory` hops ago, and since then its score was once below `rearm` times the threshold. If several keywords fire at
    one hop, the one with the highest score is detected, and the others count as fired too.

    Attributes:
      thresholds: the lowest score that fires: of each keyword (its score is its smoothed posterior); or one for all (the score
        is the smoothed sum of the keywords' posteriors, and the likeliest keyword is detected).
      refractory: hops after a firing in which it does not fire again, one number for each threshold.
      smoothing_hops: number of hops in the mean.
      patience: hops in a row at which the score must reach the threshold.
      rearm: share of the threshold, from 0 to 1, below which the score must fall; None: it need not fall.
    """

    thresholds: tuple[float, ...]
    refractory: tuple[int, ...]
    smoothing_hops: int = SMOOTHING_HOPS
    patience: int = 1
    rearm: float | None = None


def smooth(values: Float[np.ndarray, "hops *classes"], hops: int = SMOOTHING_HOPS) -> Float[np.ndarray, "hops *classes"]:
    """Mean over the last `hops` hops. The hops before the first one count as zeros."""
    return _mean(_shifted(values, hops, 0.0))


def lowest(scores: Float[np.ndarray, "hops"], hops: int = 1) -> Float[np.ndarray, "hops"]:
    """Lowest score of the last `hops` hops: the highest threshold that all of them reach. No threshold is reached before the
    first hop."""
    return scores if hops == 1 else np.min(_shifted(scores, hops, -math.inf), axis=0)


def keyword_scores(posteriors: Float[np.ndarray, "hops classes"], hops: int = SMOOTHING_HOPS) -> Float[np.ndarray, "hops"]:
    """Smoothed posterior of any keyword after each hop. Class 0 is no keyword."""
    return smooth(_any_keyword(posteriors), hops)


def firings(
    scores: Float[np.ndarray, "hops"],
    threshold: float | np.floating,
    refractory: int,
    patience: int = 1,
    rearm: float | None = None,
) -> Int[np.ndarray, "firings"]:
    """Hops at which one score fires, by the rule of `FiringRule`.

    Args:
      scores: smoothed scores, such as the result of `keyword_scores`.
      threshold: as one of `FiringRule.thresholds`.
      refractory: as one of `FiringRule.refractory`.
      patience: as in `FiringRule`.
      rearm: as in `FiringRule`.
    """
    return firings_of_held(scores, lowest(scores, patience), threshold, refractory, rearm)


def firings_of_held(
    scores: Float[np.ndarray, "hops"],
    held: Float[np.ndarray, "hops"],
    threshold: float | np.floating,
    refractory: int,
    rearm: float | None,
) -> Int[np.ndarray, "firings"]:
    """`firings`, for many thresholds of one stream: `held` is `lowest(scores, patience)`."""
    above = np.flatnonzero(held >= np.float64(threshold))
    next_hop = above + refractory + 1
    if rearm is not None:
        below = np.append(np.flatnonzero(scores < np.float64(_level(threshold, rearm))), len(scores))
        next_hop = np.maximum(next_hop, below[np.searchsorted(below, above, side="right")])
    next_place = np.searchsorted(above, next_hop).tolist()
    fired, place = [], 0
    while place < len(above):
        fired.append(place)
        place = next_place[place]
    return above[np.array(fired, np.int64)]


def detections(posteriors: Float[np.ndarray, "hops classes"], rule: FiringRule) -> Int[np.ndarray, "hops"]:
    """Class of the keyword that is detected at each hop of a stream; 0 at the other hops."""
    smoothed = smooth(posteriors, rule.smoothing_hops)
    shared = len(rule.thresholds) == 1
    scores = keyword_scores(posteriors, rule.smoothing_hops)[:, None] if shared else smoothed[:, 1:]
    fires = np.zeros(scores.shape, bool)
    for column, (threshold, refractory) in enumerate(zip(rule.thresholds, rule.refractory, strict=True)):
        fires[firings(scores[:, column], threshold, refractory, rule.patience, rule.rearm), column] = True
    likeliest = 1 + (smoothed[:, 1:] if shared else np.where(fires, scores, -math.inf)).argmax(axis=1)
    return np.where(fires.any(axis=1), likeliest, 0)


def refractory_seconds(window_seconds: float) -> float:
    """Refractory time of a detector with that window, in seconds: it ends after the word has left the window."""
    return max(REFRACTORY_SECONDS, window_seconds + AFTER_WINDOW_SECONDS)


def refractory_hops(hop: int, sample_rate: int, seconds: float = REFRACTORY_SECONDS) -> int:
    """Hops after a firing in which a detector does not fire again.

    Args:
      hop: samples from one score to the next.
      sample_rate: rate in Hz.
      seconds: refractory time.
    """
    return round(seconds * sample_rate / hop)


class ScoredHop(NamedTuple):
    """The result of one step of a `FiringState`.

    Attributes:
      smoothed: smoothed posterior of each class.
      score: the score that fires, or the highest one if none does.
      threshold: the threshold of that score.
      keyword: class of the keyword that is detected at this hop, else None.
    """

    smoothed: Float[np.ndarray, "classes"]
    score: np.floating
    threshold: float
    keyword: int | None


class FiringState:
    """The causal form of `detections`: takes the posteriors of one hop at a time.

        state = FiringState(FiringRule(thresholds=(0.8,), refractory=(25,)))
        for posteriors in stream:
            hop = state.step(posteriors)
            if hop.keyword is not None: ...

    Args:
      rule: when the detector fires.
    """

    def __init__(self, rule: FiringRule):
        self.rule = rule
        self._levels = [_level(threshold, rule.rearm) for threshold in rule.thresholds]
        self.reset()

    def reset(self) -> None:
        """Returns to the state before the first hop."""
        scores, hops = len(self.rule.thresholds), self.rule.smoothing_hops
        # float32, because adding it to a posterior of float32 or float64 keeps the posterior's type.
        self._posteriors = deque([np.float32(0)] * hops, hops)
        self._any_keyword = deque([np.float32(0)] * hops, hops)
        self._hops_above, self._armed = [0] * scores, [True] * scores
        self._hops_since_firing: list[int | None] = [None] * scores

    def step(self, posteriors: Float[np.ndarray, "classes"], agrees: Callable[[int], bool] | None = None) -> ScoredHop:
        """Scores the next hop of the stream.

        Args:
          posteriors: posteriors of the hop.
          agrees: function from the class of a keyword that would fire to whether it does. If it does not, it may fire at the
            next hop. None: all do.
        """
        self._posteriors.append(posteriors)
        self._any_keyword.append(_any_keyword(posteriors[None])[0])
        smoothed = _mean(self._posteriors)
        shared = len(self.rule.thresholds) == 1
        scores = [_mean(self._any_keyword)] if shared else list(smoothed[1:])
        keywords = [1 + int(smoothed[1:].argmax())] if shared else range(1, len(posteriors))
        fired = []
        for place, keyword in enumerate(keywords):
            if self._would_fire(place, float(scores[place])) and (agrees is None or agrees(keyword)):
                self._hops_since_firing[place], self._armed[place] = 0, False
                fired.append(place)
        place = max(fired or range(len(scores)), key=lambda place: scores[place])
        return ScoredHop(smoothed, scores[place], self.rule.thresholds[place], keywords[place] if fired else None)

    def _would_fire(self, place: int, score: float) -> bool:
        """Takes the next value of one score, and returns whether it would fire."""
        since = self._hops_since_firing[place]
        since = self._hops_since_firing[place] = None if since is None else since + 1
        self._armed[place] |= score < self._levels[place]
        self._hops_above[place] = self._hops_above[place] + 1 if score >= self.rule.thresholds[place] else 0
        is_refractory = since is not None and since <= self.rule.refractory[place]
        return self._hops_above[place] >= self.rule.patience and self._armed[place] and not is_refractory


def _level(threshold: float | np.floating, rearm: float | None) -> float:
    """The score below which a keyword can fire again; infinite if the score need not fall."""
    return math.inf if rearm is None else rearm * float(threshold)


def _any_keyword(posteriors: Float[np.ndarray, "hops classes"]) -> Float[np.ndarray, "hops"]:
    return posteriors[:, 1:].sum(axis=1)


def _shifted(values: Float[np.ndarray, "hops *classes"], hops: int, before: float) -> list[Float[np.ndarray, "hops *classes"]]:
    """The values of the hop `hops - 1` ago, and so on up to this hop; `before` stands before the first hop."""
    padded = np.concatenate([np.full((hops - 1, *values.shape[1:]), before, values.dtype), values])
    return [padded[age : age + len(values)] for age in range(hops)]


def _mean(terms: Sequence):
    """Adds from the oldest to the newest hop, so that `smooth` and `FiringState` round alike."""
    total = terms[0]
    for age in range(1, len(terms)):
        total = total + terms[age]
    return total / len(terms)
