"""The paper's measure: false accepts relative to a baseline, at the baseline's false reject rate (arXiv 2307.02720)."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from s3rl_jax.evaluate.curves import det_curve, operating_point
from s3rl_jax.evaluate.intervals import BOOTSTRAP_DRAWS
from s3rl_jax.evaluate.trial import Trial

RELATIVE_RATE = 10.0  # false accepts an hour of the baseline at the false reject rate at which detectors are compared
BLOCK_SECONDS = 30.0  # length of the blocks that the bootstrap resamples, because false accepts come in clusters


class RelativeFalseAccepts(NamedTuple):
    """False accepts of a detector divided by those of a baseline.

    Attributes:
      ratio: below 1 is better than the baseline. None if the baseline has no false accept.
      interval: its 95 % interval; None if there is no ratio. An upper end of None means that it is unbounded.
    """

    ratio: float | None
    interval: list[float | None] | None


@dataclasses.dataclass(frozen=True)
class ThresholdCounts:
    """Counts at a set of thresholds: each of a detector's word scores, and infinity.

    Attributes:
      rejects: whether each word is rejected, 0 or 1.
      accepts: number of false accepts in each block of the stream.
    """

    rejects: Int[np.ndarray, "thresholds words"]
    accepts: Int[np.ndarray, "thresholds blocks"]

    def accepts_at(
        self,
        most_rejects: Float[np.ndarray, "draws"],
        words: Float[np.ndarray, "draws words"],
        blocks: Float[np.ndarray, "draws blocks"],
    ) -> Float[np.ndarray, "draws"]:
        """False accepts at the highest threshold that rejects at most a given share of the words, for each bootstrap draw.

        Args:
          most_rejects: the share.
          words: weight of each word.
          blocks: weight of each block; further blocks of this detector get the last weight.
        """
        share = self.rejects @ words.T / words.sum(axis=1)
        threshold = np.maximum((share <= most_rejects + 1e-9).sum(axis=0) - 1, 0)
        # A detector with another hop may have one block more.
        blocks = np.pad(blocks, ((0, 0), (0, self.accepts.shape[1] - blocks.shape[1])), mode="edge")
        return (self.accepts @ blocks.T)[threshold, np.arange(len(words))]


def threshold_counts(trial: Trial) -> ThresholdCounts:
    """Counts rejects and false accepts in one stream."""
    thresholds = np.append(np.unique(trial.peaks), np.inf)
    block = round(BLOCK_SECONDS / trial.hop_seconds)
    blocks = -(-len(trial.scores) // block)
    accepts = [np.bincount(trial.false_accepts(threshold) // block, minlength=blocks) for threshold in thresholds]
    return ThresholdCounts((trial.peaks < thresholds[:, None]).astype(int), np.array(accepts))


@dataclasses.dataclass(frozen=True)
class PairedFalseAccepts:
    """False accepts of a detector and of a baseline at one false reject rate, summed over seeds.

    Attributes:
      candidate, baseline: the sums.
      candidate_draws, baseline_draws: the sums in each draw of a paired bootstrap: speakers, blocks of the stream, and seeds
        are resampled, the same for both detectors.
      hours: hours in which firings are false accepts, summed over the seeds.
    """

    candidate: float
    baseline: float
    candidate_draws: Float[np.ndarray, "draws"]
    baseline_draws: Float[np.ndarray, "draws"]
    hours: float

    @property
    def ratio(self) -> RelativeFalseAccepts:
        """`candidate` divided by `baseline`. A draw without false accepts of the baseline counts as a ratio without bound."""
        if not self.baseline:
            return RelativeFalseAccepts(None, None)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = self.candidate_draws / self.baseline_draws
        ends = _ends(np.where(np.isnan(ratios), np.inf, ratios))
        return RelativeFalseAccepts(self.candidate / self.baseline, [end if np.isfinite(end) else None for end in ends])

    @property
    def difference(self) -> tuple[float, list[float]]:
        """`candidate` less `baseline`, an hour of one seed, with its 95 % interval."""
        ends = _ends(self.candidate_draws - self.baseline_draws)
        return (self.candidate - self.baseline) / self.hours, [end / self.hours for end in ends]


def paired_false_accepts(
    candidate: Sequence[Trial],
    baseline: Sequence[Trial],
    speakers: Sequence[str],
    rejects: float | Float[np.ndarray, "seeds words"],
) -> PairedFalseAccepts:
    """Counts false accepts of both at one false reject rate.

    Args:
      candidate: trials of one stream, one for each seed.
      baseline: as many trials of the same stream.
      speakers: speaker of each word.
      rejects: the highest false reject rate of both; or a value for each seed and word, whose mean over the words of a draw
        is that of the seed.
    """
    pairs = [(threshold_counts(c), threshold_counts(b)) for c, b in zip(candidate, baseline, strict=True)]
    blocks = min(counts.accepts.shape[1] for pair in pairs for counts in pair)
    names, speaker_of_word = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    rejects = np.broadcast_to(rejects, (len(pairs), len(speaker_of_word)))

    def counts(seed_weights, word_weights, block_weights):
        sums = np.zeros((2, len(word_weights)))
        for pair, weight, of_words in zip(pairs, seed_weights.T, rejects, strict=True):
            most_rejects = word_weights @ of_words / word_weights.sum(axis=1)
            sums += [weight * detector.accepts_at(most_rejects, word_weights, block_weights) for detector in pair]
        return sums

    whole = counts(np.ones((1, len(pairs))), np.ones((1, len(speaker_of_word))), np.ones((1, blocks)))
    rng = np.random.default_rng(0)
    seeds, people, parts = (_redrawn(rng, count) for count in (len(pairs), len(names), blocks))
    draws = counts(seeds, people[:, speaker_of_word], parts)
    return PairedFalseAccepts(*whole[:, 0].tolist(), *draws, sum(trial.negative_hours for trial in baseline))


def relative_false_accepts(
    candidate: Sequence[Trial], baseline: Sequence[Trial], speakers: Sequence[str], rate: float = RELATIVE_RATE
) -> RelativeFalseAccepts:
    """False accepts of `candidate` divided by those of `baseline`, both at the false reject rate of `baseline` at `rate`.

    Each seed is compared at its own false reject rate.

    Args:
      candidate: trials of one stream, one for each seed.
      baseline: as many trials of the same stream.
      speakers: speaker of each word.
      rate: false accepts an hour of the baseline.
    """
    rejected = [trial.peaks < operating_point(det_curve(trial), rate).threshold for trial in baseline]
    return paired_false_accepts(candidate, baseline, speakers, np.array(rejected, float)).ratio


def _ends(draws: Float[np.ndarray, "draws"]) -> list[float]:
    """The 95 % interval of the draws."""
    return np.quantile(draws, [0.025, 0.975], method="inverted_cdf").tolist()


def _redrawn(rng: np.random.Generator, count: int) -> Float[np.ndarray, "draws count"]:
    """Number of times that each of `count` items is drawn, for each draw of the bootstrap."""
    return rng.multinomial(count, np.full(count, 1 / count), size=BOOTSTRAP_DRAWS).astype(float)
