"""A stream as one detector scored it: smoothed scores, and the zones in which a firing is right."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.detect.firing import REFRACTORY_SECONDS, SMOOTHING_HOPS, firings, refractory_hops, smooth
from s3rl_jax.evaluate.stream import Stream

LATENESS_SECONDS = 1.0  # a firing counts for a word until that long after the word's end
AFTERMATH_SECONDS = 1.0  # and is neither right nor false for that long afterwards: the word may still be in the window


@dataclasses.dataclass(frozen=True)
class Trial:
    """Scores of one stream, and where in it a firing is right.

    Attributes:
      scores: smoothed posterior of any keyword at each hop.
      zones: first hop and one past the last hop at which a firing counts for each word.
      hop_seconds: time between hops.
      refractory: hops after a firing at which the detector is deaf.
      aftermath: hops after a zone at which a firing is neither right nor false: it belongs to the word, and is too late.
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
        """Time in which a firing is false."""
        return float(self.outside.sum()) * self.hop_seconds / 3600

    @property
    def peaks(self) -> Float[np.ndarray, "words"]:
        """Highest score of each word."""
        return np.array([self.scores[first:last].max(initial=0.0) for first, last in self.zones])

    def false_accepts(self, threshold: float | np.floating) -> Int[np.ndarray, "firings"]:
        """Hops of the firings outside of the words' zones. A firing inside a zone makes the detector deaf as any other."""
        fired = firings(self.scores, threshold, self.refractory)
        return fired[self.outside[fired]]


def trial_of_stream(
    stream: Stream,
    posteriors: Float[np.ndarray, "hops classes"],
    hop: int,
    smoothing_hops: int = SMOOTHING_HOPS,
    refractory_seconds: float = REFRACTORY_SECONDS,
) -> Trial:
    """The trial of a detector with one keyword or several: any keyword fires by the sum of the keywords' posteriors.

    Args:
      stream: what was scored.
      posteriors: after each hop; class 0 is no keyword.
      hop: samples.
      smoothing_hops: over which the detector smooths.
      refractory_seconds: for which it is deaf after a firing.
    """
    words = [(clip.speech_start, clip.speech_stop) for clip in stream.words]
    return trial_of_words(posteriors[:, 1:].sum(axis=1), words, hop, smoothing_hops, refractory_seconds)


def trial_of_words(
    posteriors: Float[np.ndarray, "hops"],
    words: Sequence[tuple[int, int]],
    hop: int,
    smoothing_hops: int = SMOOTHING_HOPS,
    refractory_seconds: float = REFRACTORY_SECONDS,
) -> Trial:
    """The trial out of the unsmoothed posterior of any keyword and the bounds of the words.

    Args:
      posteriors: after each hop.
      words: first sample of each word, and one past its last.
      hop: samples.
      smoothing_hops: over which the detector smooths.
      refractory_seconds: for which it is deaf after a firing.
    """
    lateness = int(LATENESS_SECONDS * SAMPLE_RATE)
    zones = np.array([(start // hop, -(-(stop + lateness) // hop)) for start, stop in words], np.int64)
    aftermath = round(AFTERMATH_SECONDS * SAMPLE_RATE / hop)
    refractory = refractory_hops(hop, SAMPLE_RATE, refractory_seconds)
    return Trial(smooth(posteriors, smoothing_hops), zones, hop / SAMPLE_RATE, refractory, aftermath)
