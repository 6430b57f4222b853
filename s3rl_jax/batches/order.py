"""The shuffled order of records in training, and the random numbers drawn for each: pure functions of seed and place.

`tf.random.experimental.index_shuffle` does the same. Side by side, on batches of 64 and of 1024: ours is 5 to 6 times
faster for 1000 records, and takes 1.1 to 3 times as long for 1e5 to 1e7, at 1 to 2 ms a batch at most. Ours is kept because
training then needs no TensorFlow, and because the order that a workdir was trained in stays reproducible.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, UInt64

ROUNDS = 6


def records_at(seed: tuple[int, ...], positions: Int[np.ndarray, "n"], size: int) -> Int[np.ndarray, "n"]:
    """The records at the given positions of an endless stream of shuffled epochs over `size` records.

    Time and memory depend on the number of positions alone, not on `size` nor on how far the run has come.
    """
    epochs, places = np.divmod(np.asarray(positions, np.int64), size)
    records = np.empty_like(places)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        records[here] = permuted(places[here], size, (*seed, int(epoch)))
    return records


def permuted(places: Int[np.ndarray, "n"], size: int, seed: tuple[int, ...]) -> Int[np.ndarray, "n"]:
    """A pseudo-random permutation of range(size), keyed by the seed, at the given places.

    A Feistel network permutes the numbers of an even count of bits. A number beyond `size` is permuted again until it falls
    below ("cycle walking"; Black and Rogaway, "Ciphers with arbitrary finite domains", 2002): fewer than four times on
    average.
    """
    half_bits = max(1, ((size - 1).bit_length() + 1) // 2)
    keys = np.random.SeedSequence(seed).generate_state(ROUNDS, np.uint64)
    permute = _feistel(half_bits, keys)
    numbers = permute(np.asarray(places).astype(np.uint64))
    while (beyond := numbers >= size).any():
        numbers[beyond] = permute(numbers[beyond])
    return numbers.astype(np.int64)


def uniforms(seed: int, step: int, batch_size: int, rows: range, count: int) -> Float[np.ndarray, "rows {count}"]:
    """`count` numbers in [0, 1) for each of those rows of the global batch, the same whichever host asks."""
    return np.random.default_rng((seed, step)).random((batch_size, count))[rows.start : rows.stop]


def _feistel(half_bits: int, keys: UInt64[np.ndarray, "rounds"]) -> Callable[[np.ndarray], np.ndarray]:
    """A permutation of the numbers of 2 * half_bits bits."""
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
