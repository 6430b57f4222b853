"""A checksum of arrays, stored in each checkpoint. Orbax notices a missing or truncated file, but not a flipped bit."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, UInt32


@jax.jit
def checksum(state: Any) -> UInt32[Array, "leaves"]:
    """Sums each array's bits, read as unsigned integers, modulo 2^32.

    The sum of an array does not depend on the order of its elements, so not on the mesh either; the sums are sorted.
    """
    return jnp.sort(jnp.stack([_sum_of_bits(leaf) for leaf in jax.tree.leaves(state)]))


def _sum_of_bits(leaf: Array) -> UInt32[Array, ""]:
    is_bool = jnp.issubdtype(leaf.dtype, jnp.bool_)
    words = leaf if is_bool else jax.lax.bitcast_convert_type(leaf, f"uint{8 * leaf.itemsize}")
    return jnp.sum(words, dtype=jnp.uint32)
