"""A trial: the smoothed scores of a detector on a stream, and the zones in which a firing is a detection of a word."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.detect.firing import USUAL, FiringSettings, firings_of_held, lowest, refractory_hops, smooth
from s3rl_jax.evaluate.stream import Stream

LATENESS_SECONDS = 1.0  # a word's zone ends this long after the word
# For this long after a zone, or until the refractory time ends, a firing is not counted: the window may still hold the word.
AFTERMATH_SECONDS = 1.0
DISAGREES = -1.0  # a score below any threshold


@dataclasses.dataclass(frozen=True)
class Trial:
    """Scores of one stream, and the zones of its words.

    Attributes:
      scores: smoothed posterior of any keyword at each hop.
      zones: for each word, the first hop and one past the last hop at which a firing detects it.
      hop_seconds: seconds from one hop to the next.
      refractory: hops after a firing in which the detector does not fire again.
      aftermath: hops after a zone at which a firing is neither a detection nor a false accept.
      patience: hops in a row at which the score must reach the threshold.
      rearm: share of the threshold below which the score must fall after a firing; None: it need not fall.
      agrees: whether the second model agrees at each hop; None: there is none.
    """

    scores: Float[np.ndarray, "hops"]
    zones: Int[np.ndarray, "words 2"]
    hop_seconds: float
    refractory: int
    aftermath: int = 0
    patience: int = 1
    rearm: float | None = None
    agrees: Bool[np.ndarray, "hops"] | None = None

    @functools.cached_property
    def held(self) -> Float[np.ndarray, "hops"]:
        """The highest threshold that the score of each hop and of those before it, `patience` in all, reach; less than any
        threshold where the second model does not agree."""
        held = lowest(self.scores, self.patience)
        return held if self.agrees is None else np.where(self.agrees, held, DISAGREES)

    @functools.cached_property
    def outside(self) -> Bool[np.ndarray, "hops"]:
        """True at hops at which a firing is a false accept."""
        outside = np.ones(len(self.scores), bool)
        for first, last in self.zones:
            outside[first : last + self.aftermath] = False
        return outside

    @property
    def zone_hops(self) -> int:
        """Mean length of a word's zone."""
        return round(float(np.diff(self.zones, axis=1).mean()))

    def stretch_peaks(self, hops: int) -> Float[np.ndarray, "stretches"]:
        """Highest threshold that is reached in each stretch of `hops` hops outside of the words' zones."""
        negative = self.held[self.outside]
        return negative[: len(negative) // hops * hops].reshape(-1, hops).max(axis=1)

    @property
    def negative_hours(self) -> float:
        """Time in which a firing is a false accept."""
        return float(self.outside.sum()) * self.hop_seconds / 3600

    @property
    def peaks(self) -> Float[np.ndarray, "words"]:
        """Highest threshold that is reached in each word's zone."""
        return np.array([self.held[first:last].max(initial=0.0) for first, last in self.zones])

    def false_accepts(self, threshold: float | np.floating) -> Int[np.ndarray, "firings"]:
        """Hops of the false accepts. The refractory time applies after detections of words too."""
        fired = self.firings(threshold)
        return fired[self.outside[fired]]

    def firings(self, threshold: float | np.floating) -> Int[np.ndarray, "firings"]:
        """Hops of all firings."""
        return firings_of_held(self.scores, self.held, threshold, self.refractory, self.rearm)


def trial_of_stream(
    stream: Stream,
    posteriors: Float[np.ndarray, "hops classes"],
    hop: int,
    firing: FiringSettings = USUAL,
    agrees: Bool[np.ndarray, "hops"] | None = None,
) -> Trial:
    """Creates the trial of a detector with one keyword or several; its score is the sum of the keywords' posteriors.

    Args:
      stream: the stream.
      posteriors: posteriors after each hop; class 0 is no keyword.
      hop: samples from one score to the next.
      firing: settings of firing.
      agrees: as in `Trial`.
    """
    words = [(clip.speech_start, clip.speech_stop) for clip in stream.words]
    return trial_of_words(posteriors[:, 1:].sum(axis=1), words, hop, firing, agrees)


def trial_of_words(
    posteriors: Float[np.ndarray, "hops"],
    words: Sequence[tuple[int, int]],
    hop: int,
    firing: FiringSettings = USUAL,
    agrees: Bool[np.ndarray, "hops"] | None = None,
) -> Trial:
    """Creates a trial from the posteriors of a keyword and the bounds of the words.

    Args:
      posteriors: unsmoothed posterior after each hop, of one keyword or the sum of several.
      words: first sample of each word, and one past its last.
      hop: samples from one score to the next.
      firing: settings of firing.
      agrees: as in `Trial`.
    """
    lateness = int(LATENESS_SECONDS * SAMPLE_RATE)
    zones = np.array([(start // hop, -(-(stop + lateness) // hop)) for start, stop in words], np.int64)
    aftermath = round(max(AFTERMATH_SECONDS, firing.refractory_seconds - LATENESS_SECONDS) * SAMPLE_RATE / hop)
    return Trial(
        smooth(posteriors, firing.smoothing_hops),
        zones,
        hop / SAMPLE_RATE,
        refractory_hops(hop, SAMPLE_RATE, firing.refractory_seconds),
        aftermath + firing.patience - 1,
        firing.patience,
        firing.rearm,
        agrees,
    )
