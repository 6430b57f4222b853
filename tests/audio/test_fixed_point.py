"""Each function is compared with Python's integers, which have no last bit."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.audio.fixed_point import bit_length, blended, mantissa, rounded_root, scaled_down

EDGES = [0, 1, 2, 3, 4, 2**14 - 1, 2**14, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]


@pytest.fixture
def words(rng):
    """Values of every magnitude."""
    drawn = rng.integers(0, 2**32, 400, np.uint32) >> rng.integers(0, 32, 400, np.uint32)
    return np.concatenate([np.array(EDGES, np.uint32), drawn])


def test_bits_and_mantissa(words):
    assert np.asarray(bit_length(jnp.asarray(words))).tolist() == [int(x).bit_length() for x in words]
    for bits in (10, 16):
        expected = [((int(x) << 32) >> (int(x).bit_length() - 1 + 32 - bits)) % 2**bits if x else 0 for x in words]
        assert np.asarray(mantissa(jnp.asarray(words), bits)).tolist() == expected


@pytest.mark.parametrize("factor", [0, 409, 983, 16_383])
def test_products_of_64_bits(words, factor):
    x, y = jnp.asarray(words), jnp.asarray(words[::-1])
    assert scaled_down(x, factor, 14).tolist() == [value * factor >> 14 for value in x.tolist()]
    expected = [(a * factor + b * (2**14 - factor)) >> 14 for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert blended(x, y, jnp.full(len(x), factor, jnp.uint32), 14).tolist() == expected


def test_roots_are_the_nearest_integers(words, rng):
    roots = rng.integers(0, 2**24, 200).astype(np.uint64)
    near = np.concatenate([roots**2 + roots, roots**2 + roots + np.uint64(1), roots**2])  # where rounding changes
    values = np.concatenate([near[near < 2**48], words.astype(np.uint64)])
    expected = [min((math.isqrt(4 * v) + 1) // 2, 0xFFFF if v < 2**32 else 2**24) for v in map(int, values)]
    roots = rounded_root(*(jnp.asarray(part.astype(np.uint32)) for part in (values >> np.uint64(32), values)))
    assert np.asarray(roots).tolist() == expected
