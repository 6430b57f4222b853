"""Mixes pools of recordings by weights: chooses the pool of each example in an endless stream.

A pool is a group of recordings with one weight: a corpus, or the noise of a corpus. The shares of the pools are exact over
every CYCLE examples. tf.data's `sample_from_datasets` draws pools at random, and to resume has to be iterated from the start.
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
    """A stream in cycles of CYCLE examples, each with `counts` examples of each pool, in a new random order.

    The pool at a position, and the number of earlier examples of that pool, are pure functions of the position: there is no
    iterator state to save.

    Attributes:
      counts: examples of each pool in a cycle.
      seed: seed of the orders.
    """

    counts: tuple[int, ...]
    seed: int

    @classmethod
    def of(cls, weights: list[float], seed: int) -> "Mixture":
        """Divides a cycle by the weights, with largest remainders; a pool with a weight above 0 gets at least one example.

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
        """Pool at each position of the stream, and the number of earlier examples of that pool."""
        cycles, places = np.divmod(np.asarray(positions, np.int64), CYCLE)
        pools, ranks = np.empty_like(places), np.empty_like(places)
        for cycle in np.unique(cycles):
            in_cycle = cycles == cycle
            order = np.random.default_rng((self.seed, int(cycle))).permutation(CYCLE)
            pool = np.empty(CYCLE, np.int64)
            pool[order] = np.repeat(np.arange(len(self.counts)), self.counts)
            # The examples of a pool are numbered 0, 1, 2 ... in the order in which they stand in the cycle.
            rank = np.empty(CYCLE, np.int64)
            rank[np.argsort(pool, kind="stable")] = np.concatenate([np.arange(count) for count in self.counts])
            pools[in_cycle] = pool[places[in_cycle]]
            ranks[in_cycle] = rank[places[in_cycle]] + cycle * np.array(self.counts)[pools[in_cycle]]
        return pools, ranks

    def records_at(
        self, positions: Int[np.ndarray, "n"], sizes: list[int]
    ) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """Pool at each position of the stream, and the record of that pool. A pool runs through its records in shuffled epochs.

        Args:
          positions: positions in the stream.
          sizes: number of records in each pool.
        """
        pools, ranks = self.pools_at(positions)
        records = np.empty_like(ranks)
        for pool in np.unique(pools).tolist():
            in_pool = pools == pool
            records[in_pool] = records_at((self.seed, pool), ranks[in_pool], sizes[pool])
        return pools, records


def corpus_weights(
    settings: ConfigDict, amounts: Int[np.ndarray, "corpora"] | Float[np.ndarray, "corpora"]
) -> Float[np.ndarray, "corpora"]:
    """Weights of the corpora: `config.data.mixture.corpora`, or `amounts` if that is empty; 0 where the amount is 0.

    Args:
      settings: `config.data.mixture`.
      amounts: amount of audio in each corpus, in any unit.

    Raises:
      UserError: if there are more or fewer weights than corpora.
    """
    given = tuple(settings.corpora)
    if given and len(given) != len(amounts):
        raise UserError(f"config.data.mixture.corpora: {len(given)} weights; config.data.corpus names {len(amounts)} corpora")
    return np.where(amounts > 0, given or amounts, 0.0)
