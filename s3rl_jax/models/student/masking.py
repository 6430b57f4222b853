"""Hiding of frames from a student."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float


def hide(
    x: Float[ArrayLike, "batch time width"],
    embedding: Float[ArrayLike, "width"],
    mask: Bool[ArrayLike, "batch time"] | None,
    valid: Bool[ArrayLike, "batch time"] | None,
) -> Float[Array, "batch time width"]:
    """Replaces masked frames by the embedding, and frames that are not valid by zeros. None: no frame is replaced."""
    if mask is not None:
        x = jnp.where(mask[..., None], embedding, x)
    return x if valid is None else jnp.where(valid[..., None], x, 0)
