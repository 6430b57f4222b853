"""A checksum of arrays, stored in each checkpoint. Orbax notices a missing or truncated file, but not a flipped bit."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, UInt32


@jax.jit
def checksum(state: Any) -> UInt32[Array, "leaves"]:
    """Reads the elements of each array as unsigned integers and sums them modulo 2^32; sorts the sums.

    A sum does not depend on the order of the elements, so the checksum does not depend on the mesh.
    """
    return jnp.sort(jnp.stack([_sum_of_bits(leaf) for leaf in jax.tree.leaves(state)]))


def _sum_of_bits(leaf: Array) -> UInt32[Array, ""]:
    is_bool = jnp.issubdtype(leaf.dtype, jnp.bool_)
    words = leaf if is_bool else jax.lax.bitcast_convert_type(leaf, f"uint{8 * leaf.itemsize}")
    return jnp.sum(words, dtype=jnp.uint32)
