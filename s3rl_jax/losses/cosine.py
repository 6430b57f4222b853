"""Unit vectors, whose products are the cosines that every objective here compares."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def unit(x: Float[Array, "*shape"], axis: int = -1) -> Float[Array, "*shape"]:
    """x / |x| along `axis`; zero stays zero, with a finite gradient."""
    return x * jax.lax.rsqrt(jnp.sum(jnp.square(x), axis=axis, keepdims=True) + 1e-12)
