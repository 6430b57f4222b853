"""Firing: turns the posteriors of each hop into detections. Smoothing, threshold and refractory time are defined here alone.

Evaluation scores a whole stream at once (`keyword_scores`, `firings`); a device steps through it (`FiringState`). Both give
the same scores and fire at the same hops. This module uses NumPy alone, because the device has no JAX.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

SMOOTHING_HOPS = 3
# A word stays in a window of 1.5 s for 1.5 s, and in the mean over three hops for two hops longer. The detector does not fire
# for longer than that, so one utterance fires once.
REFRACTORY_SECONDS = 2.0
AFTER_WINDOW_SECONDS = 0.5  # by which the refractory time exceeds a long window


def smooth(values: Float[np.ndarray, "hops *classes"], hops: int = SMOOTHING_HOPS) -> Float[np.ndarray, "hops *classes"]:
    """Mean over the last `hops` hops. The hops before the first one count as zeros."""
    padded = np.concatenate([np.zeros((hops - 1, *values.shape[1:]), values.dtype), values])
    return _mean([padded[age : age + len(values)] for age in range(hops)])


def keyword_scores(posteriors: Float[np.ndarray, "hops classes"], hops: int = SMOOTHING_HOPS) -> Float[np.ndarray, "hops"]:
    """Smoothed posterior of any keyword after each hop. Class 0 is no keyword."""
    return smooth(_any_keyword(posteriors), hops)


def firings(scores: Float[np.ndarray, "hops"], threshold: float | np.floating, refractory: int) -> Int[np.ndarray, "firings"]:
    """Hops at which a detector fires: the score reaches the threshold, and the last firing is over `refractory` hops ago.

    Args:
      scores: the result of `keyword_scores`.
      threshold: the lowest score that fires.
      refractory: hops after a firing in which the detector does not fire again.
    """
    above = np.flatnonzero(scores >= threshold)
    fired: list[int] = []
    i = 0
    while i < len(above):
        fired.append(int(above[i]))
        i = int(np.searchsorted(above, fired[-1] + refractory, side="right"))
    return np.array(fired, np.int64)


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
      score: smoothed posterior of any keyword, which is compared with the threshold.
      keyword: class of the keyword with the highest smoothed posterior if the detector fires at this hop, else None.
    """

    smoothed: Float[np.ndarray, "classes"]
    score: np.floating
    keyword: int | None


class FiringState:
    """The causal form of `keyword_scores` and `firings`: takes the posteriors of one hop at a time.

        state = FiringState(threshold=0.8, refractory=25)
        for posteriors in stream:
            hop = state.step(posteriors)
            if hop.keyword is not None: ...

    Args:
      threshold: the lowest score that fires.
      refractory: the result of `refractory_hops`.
      smoothing_hops: number of hops in the mean.
    """

    def __init__(self, threshold: float, refractory: int, smoothing_hops: int = SMOOTHING_HOPS):
        self.threshold, self.refractory, self.smoothing_hops = threshold, refractory, smoothing_hops
        self.reset()

    def reset(self) -> None:
        """Returns to the state before the first hop."""
        # float32, because adding it to a posterior of float32 or float64 keeps the posterior's type.
        self._posteriors = deque([np.float32(0)] * self.smoothing_hops, self.smoothing_hops)
        self._scores = deque([np.float32(0)] * self.smoothing_hops, self.smoothing_hops)
        self._hops_since_firing: int | None = None

    def step(self, posteriors: Float[np.ndarray, "classes"]) -> ScoredHop:
        """Scores the next hop of the stream."""
        self._posteriors.append(posteriors)
        self._scores.append(_any_keyword(posteriors[None])[0])
        smoothed, score = _mean(self._posteriors), _mean(self._scores)
        if self._hops_since_firing is not None:
            self._hops_since_firing += 1
        refractory = self._hops_since_firing is not None and self._hops_since_firing <= self.refractory
        keyword = None
        if score >= self.threshold and not refractory:
            self._hops_since_firing, keyword = 0, 1 + int(smoothed[1:].argmax())
        return ScoredHop(smoothed, score, keyword)


def _any_keyword(posteriors: Float[np.ndarray, "hops classes"]) -> Float[np.ndarray, "hops"]:
    return posteriors[:, 1:].sum(axis=1)


def _mean(terms: Sequence):
    """Adds from the oldest to the newest hop, so that `smooth` and `FiringState` round alike."""
    total = terms[0]
    for age in range(1, len(terms)):
        total = total + terms[age]
    return total / len(terms)
