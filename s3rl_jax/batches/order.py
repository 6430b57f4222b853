"""Which record stands where in training, and what is drawn for it: pure functions of seed and place, nothing to save."""

import numpy as np
from jaxtyping import Float, Int

ROUNDS = 6


def records_at(seed: tuple[int, ...], positions: Int[np.ndarray, "n"], size: int) -> Int[np.ndarray, "n"]:
    """The records at the given positions of an endless stream of shuffled epochs over `size` records.

    Takes the time and the memory of `positions`, however many records there are and however far the run has come.
    """
    epochs, places = np.divmod(np.asarray(positions, np.int64), size)
    chosen = np.empty_like(places)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        chosen[here] = permuted(places[here], size, (*seed, int(epoch)))
    return chosen


def permuted(places: Int[np.ndarray, "n"], size: int, seed: tuple[int, ...]) -> Int[np.ndarray, "n"]:
    """Where a permutation of range(size), one for each seed, sends the places.

    A Feistel network permutes the numbers of an even count of bits (Black and Rogaway 2002); a place that it sends
    beyond `size` is sent on until it comes back, so at most some four times on average.
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = np.uint64((1 << half) - 1)
    keys = np.random.SeedSequence(seed).generate_state(ROUNDS, np.uint64)

    def once(x):
        left, right = x >> np.uint64(half), x & mask
        for key in keys:
            left, right = right, left ^ (_mixed(right ^ key) & mask)
        return left << np.uint64(half) | right

    found = once(np.asarray(places).astype(np.uint64))
    while (beyond := found >= size).any():
        found[beyond] = once(found[beyond])
    return found.astype(np.int64)


def uniforms(seed: int, step: int, batch_size: int, rows: range, count: int) -> Float[np.ndarray, "rows count"]:
    """`count` numbers in [0, 1) for each of those rows of the global batch, the same whichever host asks."""
    return np.random.default_rng((seed, step)).random((batch_size, count))[rows.start : rows.stop]


def _mixed(x):
    """Each bit of the result depends on all bits of x (the finaliser of splitmix64)."""
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return x ^ x >> np.uint64(31)
