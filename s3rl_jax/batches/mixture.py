"""Mixes pools of recordings by weights: which pool each example of an endless stream is drawn from.

A pool is a group of records that examples are drawn from with one weight: a corpus, or the noise of a corpus. The shares
are exact over every CYCLE examples. tf.data's `sample_from_datasets` draws pools at random and has to be iterated from the
start to resume.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from s3rl_jax.batches.order import records_at
from s3rl_jax.core.errors import UserError

CYCLE = 1000  # examples


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Each cycle of CYCLE examples has `counts` examples of each pool, in an order that is drawn anew for each cycle.

    The pools of any positions, and the number of earlier examples of the same pool, are therefore pure functions of the
    position: there is no iterator state to save.
    """

    counts: tuple[int, ...]
    seed: int

    @classmethod
    def of(cls, weights: list[float], seed: int) -> "Mixture":
        """Divides a cycle by largest remainders; a pool of any weight gets at least one example.

        Raises:
          UserError: for a negative weight, or if all are 0.
        """
        if min(weights) < 0 or not sum(weights) > 0:
            raise UserError(f"config.data.mixture: weights {weights}; expected numbers of 0 or more, not all 0")
        shares = np.array(weights) / sum(weights) * CYCLE
        counts = np.where(np.array(weights) > 0, np.maximum(1, np.floor(shares)), 0).astype(int)
        while counts.sum() < CYCLE:
            counts[np.argmax(shares - counts)] += 1
        while counts.sum() > CYCLE:  # rounding up tiny shares overshoots; the excess is taken from the largest
            counts[np.argmax(counts)] -= 1
        return cls(tuple(counts.tolist()), seed)

    def pools_at(self, positions: Int[np.ndarray, "n"]) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """The pool of each position of the stream, and the number of earlier examples of that pool."""
        cycles, places = np.divmod(np.asarray(positions, np.int64), CYCLE)
        pools, ranks = np.empty_like(places), np.empty_like(places)
        for cycle in np.unique(cycles):
            here = cycles == cycle
            order = np.random.default_rng((self.seed, int(cycle))).permutation(CYCLE)
            pool = np.empty(CYCLE, np.int64)
            pool[order] = np.repeat(np.arange(len(self.counts)), self.counts)
            # The examples of a pool are numbered 0, 1, 2 ... in the order of their places in the cycle.
            rank = np.empty(CYCLE, np.int64)
            rank[np.argsort(pool, kind="stable")] = np.concatenate([np.arange(count) for count in self.counts])
            pools[here] = pool[places[here]]
            ranks[here] = rank[places[here]] + cycle * np.array(self.counts)[pools[here]]
        return pools, ranks

    def records_at(
        self, positions: Int[np.ndarray, "n"], sizes: list[int]
    ) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """The pool of each position, and which of the pool's `sizes` records stands there, in shuffled epochs."""
        pools, ranks = self.pools_at(positions)
        records = np.empty_like(ranks)
        for pool in np.unique(pools).tolist():
            here = pools == pool
            records[here] = records_at((self.seed, pool), ranks[here], sizes[pool])
        return pools, records


def corpus_weights(
    settings: ConfigDict, amounts: Int[np.ndarray, "corpora"] | Float[np.ndarray, "corpora"]
) -> Float[np.ndarray, "corpora"]:
    """The weight of each corpus: `config.data.mixture.corpora`, or, where that is empty, the corpus's amount of audio.

    A corpus with nothing has weight 0.

    Raises:
      UserError: if there are more or fewer weights than corpora.
    """
    given = tuple(settings.corpora)
    if given and len(given) != len(amounts):
        raise UserError(f"config.data.mixture.corpora: {len(given)} weights; config.data.corpus names {len(amounts)} corpora")
    return np.where(amounts > 0, given or amounts, 0.0)
