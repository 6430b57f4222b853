"""Vectors of length 1, whose dot products are cosines."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def unit(x: Float[ArrayLike, "*shape"], axis: int = -1) -> Float[Array, "*shape"]:
    """x / |x| along `axis`. A zero vector stays zero, and its gradient is finite."""
    return x * jax.lax.rsqrt(jnp.sum(jnp.square(x), axis=axis, keepdims=True) + 1e-12)
