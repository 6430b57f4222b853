"""The shuffled order of records in training, and the random numbers of each example, as pure functions of seed and position.

`tf.random.experimental.index_shuffle` does the same. Measured on batches of 64 and of 1024, ours is 5 to 6 times faster for
1000 records, and takes 1.1 to 3 times as long for 1e5 to 1e7, at most 1 to 2 ms a batch. We keep ours because training then
needs no TensorFlow, and because the order of the records stays reproducible for existing workdirs.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, UInt64

ROUNDS = 6


def records_at(seed: tuple[int, ...], positions: Int[np.ndarray, "n"], size: int) -> Int[np.ndarray, "n"]:
    """Records at the given positions of an endless stream of shuffled epochs over `size` records.

    Time and memory depend on the number of positions alone, not on `size` or on the values of the positions.
    """
    epochs, places = np.divmod(np.asarray(positions, np.int64), size)
    records = np.empty_like(places)
    for epoch in np.unique(epochs):
        in_epoch = epochs == epoch
        records[in_epoch] = permuted(places[in_epoch], size, (*seed, int(epoch)))
    return records


def permuted(places: Int[np.ndarray, "n"], size: int, seed: tuple[int, ...]) -> Int[np.ndarray, "n"]:
    """Values of a pseudo-random permutation of range(size), chosen by the seed, at the given places.

    A Feistel network permutes all numbers of an even number of bits. A result of `size` or more is permuted again until it
    is below ("cycle walking"; Black and Rogaway, "Ciphers with arbitrary finite domains", 2002): fewer than four times on
    average.
    """
    half_bits = max(1, ((size - 1).bit_length() + 1) // 2)
    keys = np.random.SeedSequence(seed).generate_state(ROUNDS, np.uint64)
    permute = _feistel(half_bits, keys)
    numbers = permute(np.asarray(places).astype(np.uint64))
    while (too_large := numbers >= size).any():
        numbers[too_large] = permute(numbers[too_large])
    return numbers.astype(np.int64)


def uniforms(seed: int, step: int, batch_size: int, rows: range, count: int) -> Float[np.ndarray, "rows {count}"]:
    """Draws `count` numbers in [0, 1) for each of the given rows of the global batch; every host draws the same."""
    return np.random.default_rng((seed, step)).random((batch_size, count))[rows.start : rows.stop]


def _feistel(half_bits: int, keys: UInt64[np.ndarray, "rounds"]) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a permutation of the numbers of 2 * half_bits bits."""
    shift, mask = np.uint64(half_bits), np.uint64((1 << half_bits) - 1)

    def permute(numbers):
        left, right = numbers >> shift, numbers & mask
        for key in keys:
            left, right = right, left ^ (_mixed(right ^ key) & mask)
        return left << shift | right

    return permute


def _mixed(numbers: UInt64[np.ndarray, "n"]) -> UInt64[np.ndarray, "n"]:
    """Hashes each number, so that every bit depends on all bits (the finaliser of splitmix64)."""
    numbers = (numbers ^ numbers >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ numbers >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return numbers ^ numbers >> np.uint64(31)
