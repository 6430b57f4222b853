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


def relative_false_accepts(
    candidate: Sequence[Trial],
    baseline: Sequence[Trial],
    speakers: Sequence[str],
    rate: float = RELATIVE_RATE,
    rejects: float | None = None,
) -> RelativeFalseAccepts:
    """False accepts of `candidate` divided by those of `baseline`, both at one false reject rate.

    That is the baseline's at `rate` false accepts an hour, unless `rejects` gives it. With several seeds, false accepts are
    summed over them, and each seed is compared at its own false reject rate. The interval is that of a paired bootstrap:
    speakers, blocks of the stream, and seeds are resampled, the same for both detectors.

    Args:
      candidate: trials of one stream, one for each seed.
      baseline: as many trials of the same stream.
      speakers: speaker of each word.
      rate: false accepts an hour of the baseline.
      rejects: the highest false reject rate of both.
    """
    pairs = [(threshold_counts(c), threshold_counts(b)) for c, b in zip(candidate, baseline, strict=True)]
    rejected = np.array([trial.peaks < operating_point(det_curve(trial), rate).threshold for trial in baseline])
    blocks = min(counts.accepts.shape[1] for pair in pairs for counts in pair)

    def ratio(seed_weights, word_weights, block_weights):
        candidate_accepts = baseline_accepts = 0
        for seed, (candidate_counts, baseline_counts) in enumerate(pairs):
            of_baseline = word_weights @ rejected[seed] / word_weights.sum(axis=1)
            most_rejects = of_baseline if rejects is None else np.full_like(of_baseline, rejects)
            weight = seed_weights[:, seed]
            arguments = most_rejects, word_weights, block_weights
            candidate_accepts = candidate_accepts + weight * candidate_counts.accepts_at(*arguments)
            baseline_accepts = baseline_accepts + weight * baseline_counts.accepts_at(*arguments)
        with np.errstate(divide="ignore", invalid="ignore"):
            return candidate_accepts / baseline_accepts

    names, speaker_of_word = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    whole = ratio(np.ones((1, len(pairs))), np.ones((1, len(speaker_of_word))), np.ones((1, blocks)))[0]
    if not np.isfinite(whole):
        return RelativeFalseAccepts(None, None)
    rng = np.random.default_rng(0)
    seeds, people, parts = (_redrawn(rng, count) for count in (len(pairs), len(names), blocks))
    ratios = ratio(seeds, people[:, speaker_of_word], parts)
    ratios = np.where(np.isnan(ratios), np.inf, ratios)
    ends = np.quantile(ratios, [0.025, 0.975], method="inverted_cdf")
    return RelativeFalseAccepts(float(whole), [float(end) if np.isfinite(end) else None for end in ends])


def _redrawn(rng: np.random.Generator, count: int) -> Float[np.ndarray, "draws count"]:
    """Number of times that each of `count` items is drawn, for each draw of the bootstrap."""
    return rng.multinomial(count, np.full(count, 1 / count), size=BOOTSTRAP_DRAWS).astype(float)
