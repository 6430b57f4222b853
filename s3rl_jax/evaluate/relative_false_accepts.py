"""The paper's measure: false accepts at the false rejects of a baseline, relative to the baseline's (arXiv 2307.02720)."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from s3rl_jax.evaluate.curves import Trial, det_curve, operating_point

DRAWS = 2000
BLOCK_SECONDS = 30.0  # of a stream, that are redrawn together: false accepts come in clusters


@dataclasses.dataclass(frozen=True)
class Counts:
    """A detector's rejects and accepts at each of its words' scores as a threshold, and above all of them.

    Attributes:
      rejects: of each word, 0 or 1.
      accepts: of each block of the stream.
    """

    rejects: Int[np.ndarray, "thresholds words"]
    accepts: Int[np.ndarray, "thresholds blocks"]

    def accepts_at(self, most_rejects: Float[np.ndarray, "draws"], words, blocks) -> Float[np.ndarray, "draws"]:
        """False accepts at the highest threshold that rejects no more than that share of the words.

        Args:
          most_rejects: as a share.
          words: how often each word counts, [draws, words].
          blocks: how often each block counts, [draws, blocks].
        """
        share = self.rejects @ words.T / words.sum(axis=1)
        place = np.maximum((share <= most_rejects + 1e-9).sum(axis=0) - 1, 0)
        return (self.accepts @ blocks.T)[place, np.arange(len(words))]


def counts(trial: Trial) -> Counts:
    """Of one stream."""
    thresholds = np.append(np.unique(trial.peaks), np.inf)
    block = round(BLOCK_SECONDS / trial.hop_seconds)
    blocks = -(-len(trial.scores) // block)
    accepts = [np.bincount(trial.false_accepts(t) // block, minlength=blocks) for t in thresholds]
    return Counts((trial.peaks < thresholds[:, None]).astype(int), np.array(accepts))


def relative_far(
    candidate: Sequence[Trial], baseline: Sequence[Trial], speakers: Sequence[str], rate: float
) -> tuple[float | None, list[float | None] | None]:
    """False accepts of `candidate` by those of `baseline`, at the false rejects that `baseline` has at `rate` an hour.

    Seeds are given together: false accepts are summed over them, and each is compared at its own false rejects. The
    interval is of a paired bootstrap: speakers of the words and blocks of the stream are redrawn, and seeds, where there
    are several; what is drawn is the same for both.

    Args:
      candidate: trials of one stream, a seed each.
      baseline: as many trials of the same stream.
      speakers: of the words.
      rate: false accepts an hour of the baseline, which says at which false rejects is compared.

    Returns:
      The ratio and its 95 % interval; None where the baseline has no false accept there, whose ratio does not exist, and
      None for an end of the interval that is beyond all bounds.
    """
    pairs = [(counts(c), counts(b)) for c, b in zip(candidate, baseline, strict=True)]
    points = [operating_point(det_curve(b), rate)["threshold"] for b in baseline]
    rejected = np.array([b.peaks < point for b, point in zip(baseline, points, strict=True)])
    blocks = min(each.accepts.shape[1] for pair in pairs for each in pair)

    def ratio(seeds, words, parts):
        ours = theirs = 0
        for seed, (own, base) in enumerate(pairs):
            often = seeds[:, seed]
            most = words @ rejected[seed] / words.sum(axis=1)
            ours = ours + often * own.accepts_at(most, words, _widen(parts, own))
            theirs = theirs + often * base.accepts_at(most, words, _widen(parts, base))
        with np.errstate(divide="ignore", invalid="ignore"):
            return ours / theirs

    names, place = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    whole = ratio(np.ones((1, len(pairs))), np.ones((1, len(place))), np.ones((1, blocks)))[0]
    if not np.isfinite(whole):
        return None, None
    rng = np.random.default_rng(0)
    seeds, people, parts = (_redrawn(rng, count) for count in (len(pairs), len(names), blocks))
    drawn = ratio(seeds, people[:, place], parts)
    drawn = np.where(np.isnan(drawn), np.inf, drawn)
    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
    return float(whole), [float(v) if np.isfinite(v) else None for v in (low, high)]


def _redrawn(rng, count: int):
    """How often each of `count` things is drawn."""
    return rng.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(float)


def _widen(parts, counted: Counts):
    """Streams of other hops may have a block more."""
    return np.pad(parts, ((0, 0), (0, counted.accepts.shape[1] - parts.shape[1])), mode="edge")
