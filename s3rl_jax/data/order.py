"""Which record stands where in training: a pure function of (seed, position), so that resuming costs nothing."""

import functools

import numpy as np


@functools.lru_cache(maxsize=4)
def _epoch(seed: int, epoch: int, size: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(size)


def records_at(seed: int, positions: np.ndarray, size: int) -> np.ndarray:
    """The records at the given positions of an endless stream of shuffled epochs over `size` records."""
    epochs, places = np.divmod(positions, size)
    chosen = np.empty_like(places)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        chosen[here] = _epoch(seed, int(epoch), size)[places[here]]
    return chosen


def example_rng(seed: int, step: int, row: int) -> np.random.Generator:
    """The choices of one example of one step, whichever host makes it."""
    return np.random.default_rng((seed, step, row))
