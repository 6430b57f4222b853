"""A teacher's codebook: its own quantiser, or k-means over one of its layers (as HuBERT's targets are made)."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class KMeansCodebook(NamedTuple):
    """Centroids of the hidden states of one layer.

    Attributes:
      layer: whose hidden states are quantised; 0 is the transformer's input.
      centroids: one for each class.
      mean: of all hidden states. Code vectors are centroids without it: hidden states share a large offset, which would
        make every cosine nearly 1.
    """

    layer: int
    centroids: Float[Array, "entries dim"]
    mean: Float[Array, "dim"]

    @property
    def vectors(self) -> Float[Array, "1 entries dim"]:
        return (self.centroids - self.mean)[None]


def nearest(hidden: Float[Array, "batch time dim"], centroids: Float[Array, "entries dim"]) -> Int[Array, "batch time 1"]:
    """The centroid with the least Euclidean distance."""
    # |h - c|^2 = |h|^2 - 2 h c + |c|^2, of which |h|^2 is the same for all
    distance = jnp.sum(jnp.square(centroids), axis=-1) - 2 * jnp.einsum("btd,vd->btv", hidden, centroids)
    return distance.argmin(-1)[..., None].astype(jnp.int32)


def look_up(
    vectors: Float[Array, "groups entries part"], index: Int[Array, "batch time groups"]
) -> Float[Array, "batch time dim"]:
    """The picked vector of each group, joined."""
    picked = vectors[jnp.arange(vectors.shape[0]), index]
    return picked.reshape(*index.shape[:-1], -1)
