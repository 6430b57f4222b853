"""Unsigned integer arithmetic of 32 bits, and the products of 64 bits that it needs, without 64-bit types.

JAX has no 64-bit types unless a process turns them on. Each function is exact: it gives what the same expression gives in C
with 64-bit intermediate values.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int16, Int32, UInt32

Words = UInt32[Array, "*shape"]
Factor = UInt32[Array, "*#shape"]


def bit_length(x: Words) -> Words:
    """Number of bits of each value: 0 for 0, 32 from 2^31 on."""
    return 32 - jax.lax.clz(x)


def mantissa(x: Words, bits: int) -> Words:
    """The `bits` bits after the highest bit of each value; zeros follow where the value has fewer. 0 for 0."""
    whole = bit_length(jnp.maximum(x, 1)) - 1
    left, right = jnp.where(whole < bits, bits - whole, 0), jnp.where(whole > bits, whole - bits, 0)
    return ((x << left) >> right) & np.uint32((1 << bits) - 1)


def scaled_down(x: Words, factor: Factor | int, bits: int) -> Words:
    """(x * factor) >> bits, for a factor below 2^(32 - bits) and a result below 2^32."""
    low = x & np.uint32((1 << bits) - 1)
    return (x >> bits) * jnp.uint32(factor) + ((low * jnp.uint32(factor)) >> bits)


def blended(x: Words, y: Words, share: Factor, bits: int) -> Words:
    """(x * share + y * (2^bits - share)) >> bits, for a share of at most 2^bits, and at most 16 bits."""
    mask, rest = np.uint32((1 << bits) - 1), np.uint32(1 << bits) - share
    return (x >> bits) * share + (y >> bits) * rest + (((x & mask) * share + (y & mask) * rest) >> bits)


def rounded_root(high: Words, low: Words) -> Words:
    """The square root of high * 2^32 + low, below 2^48, to the nearest integer. Below 2^32 a root is at most 65535."""
    value = high.astype(jnp.float32) * np.float32(2**32) + low.astype(jnp.float32)
    root = jnp.sqrt(value).astype(jnp.int32)  # within 1 of the root
    # What is left of the value fits into 32 bits, so the upper word is not needed.
    left = (low - (root * root).astype(jnp.uint32)).astype(jnp.int32)
    for _ in range(2):
        over = left < 0
        root, left = jnp.where(over, root - 1, root), jnp.where(over, left + 2 * root - 1, left)
        under = left > 2 * root
        root, left = jnp.where(under, root + 1, root), jnp.where(under, left - 2 * root - 1, left)
    up = (left > root) & ((high > 0) | (root < 0xFFFF))
    return (root + up).astype(jnp.uint32)


def rounded_product(x: Int16[Array, "*shape"], factor: int) -> Int16[Array, "*shape"]:
    """x * factor / 2^15, rounded; both are fractions of one, in 16 bits."""
    return rounded(x.astype(jnp.int32) * factor)


def rounded(product: Int32[Array, "*shape"]) -> Int16[Array, "*shape"]:
    """A product of two 16-bit fractions as one: product / 2^15, rounded half up."""
    return ((product + (1 << 14)) >> 15).astype(jnp.int16)
