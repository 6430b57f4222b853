"""A k-means codebook of one layer of a teacher, as HuBERT's targets are (arXiv 2106.07447)."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int


class KMeansCodebook(NamedTuple):
    """A codebook whose entries are centroids of the hidden states of one layer.

    Attributes:
      layer: the quantised layer; 0 is the transformer's input.
      centroids: one for each entry.
      mean: mean of all hidden states. `vectors` subtracts it: hidden states share a large offset, which would make every
        cosine nearly 1.
    """

    layer: int
    centroids: Float[Array | np.ndarray, "entries dim"]
    mean: Float[Array | np.ndarray, "dim"]

    @property
    def vectors(self) -> Float[Array | np.ndarray, "1 entries dim"]:
        """The code vectors, centroids minus mean, as one group."""
        return (self.centroids - self.mean)[None]


def nearest(
    hidden: Float[ArrayLike, "batch time dim"], centroids: Float[ArrayLike, "entries dim"]
) -> Int[Array, "batch time 1"]:
    """Index of the nearest centroid by Euclidean distance, as one group."""
    # |h - c|^2 = |h|^2 - 2 h c + |c|^2, of which |h|^2 is the same for all
    distance = jnp.sum(jnp.square(centroids), axis=-1) - 2 * jnp.einsum("btd,vd->btv", hidden, centroids)
    return distance.argmin(-1)[..., None].astype(jnp.int32)


def look_up(
    vectors: Float[ArrayLike, "groups entries part"], index: Int[ArrayLike, "batch time groups"]
) -> Float[Array, "batch time dim"]:
    """Joins the indexed vectors of all groups; dim = groups * part."""
    chosen = jnp.asarray(vectors)[jnp.arange(vectors.shape[0]), index]
    return chosen.reshape(*index.shape[:-1], -1)
