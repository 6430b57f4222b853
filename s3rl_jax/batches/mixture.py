"""Which source each example of an endless stream comes from, by weights: exact over every thousand examples."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from s3rl_jax.batches.order import records_at
from s3rl_jax.core.errors import UserError

CYCLE = 1000  # examples, in which each source stands as often as its weight says


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A cycle of examples holds each source its share of times, in an order drawn anew for each cycle.

    So the sources of any positions, and how many examples of its source came before each, need no state and no count
    of what went before.
    """

    counts: tuple[int, ...]  # of each source in a cycle
    seed: int

    @classmethod
    def of(cls, weights: list[float], seed: int) -> "Mixture":
        """Apportions a cycle by largest remainders; a source with any weight stands in it at least once.

        Raises:
          UserError: for a negative weight, or if all are 0.
        """
        if min(weights) < 0 or not sum(weights) > 0:
            raise UserError(f"config.data.mixture: weights {weights}; expected numbers of 0 or more, not all 0")
        shares = np.array(weights) / sum(weights) * CYCLE
        counts = np.where(np.array(weights) > 0, np.maximum(1, np.floor(shares)), 0).astype(int)
        while counts.sum() < CYCLE:
            counts[np.argmax(shares - counts)] += 1
        while counts.sum() > CYCLE:  # what small shares were given too much, the largest pays
            counts[np.argmax(counts)] -= 1
        return cls(tuple(counts.tolist()), seed)

    def sources_at(self, positions: Int[np.ndarray, "n"]) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """The source of each position of the stream, and its place among the examples of that source."""
        cycles, places = np.divmod(np.asarray(positions, np.int64), CYCLE)
        sources, ranks = np.empty_like(places), np.empty_like(places)
        for cycle in np.unique(cycles):
            here = cycles == cycle
            order = np.random.default_rng((self.seed, int(cycle))).permutation(CYCLE)
            kind = np.empty(CYCLE, np.int64)
            kind[order] = np.repeat(np.arange(len(self.counts)), self.counts)
            # Places in which a source stands, in order of time, are its examples 0, 1, 2 ... of this cycle.
            rank = np.empty(CYCLE, np.int64)
            rank[np.argsort(kind, kind="stable")] = np.concatenate([np.arange(count) for count in self.counts])
            sources[here] = kind[places[here]]
            ranks[here] = rank[places[here]] + cycle * np.array(self.counts)[sources[here]]
        return sources, ranks

    def records_at(
        self, positions: Int[np.ndarray, "n"], sizes: list[int]
    ) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """The source of each position, and which of that source's `sizes` records: shuffled epochs of each source."""
        sources, places = self.sources_at(positions)
        records = np.empty_like(places)
        for source in np.unique(sources).tolist():
            here = sources == source
            records[here] = records_at((self.seed, source), places[here], sizes[source])
        return sources, records


def corpus_weights(settings, held: Float[np.ndarray, "corpora"]) -> Float[np.ndarray, "corpora"]:
    """`config.data.mixture.corpora`: a weight for each corpus of `config.data.corpus`, empty: as much as each has `held`;
    0 for what has nothing.

    Raises:
      UserError: if there are more or fewer weights than corpora.
    """
    given = tuple(settings.corpora)
    if given and len(given) != len(held):
        raise UserError(f"config.data.mixture.corpora: {len(given)} weights; config.data.corpus names {len(held)} corpora")
    return np.where(held > 0, given or held, 0.0)
