"""Cuts examples out of a corpus that the accelerator holds in its memory."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Int, Int16


def splice(
    corpus: Int16[ArrayLike, "rows width"],
    row: Int[ArrayLike, "examples pieces"],
    column: Int[ArrayLike, "examples pieces"],
    at: Int[ArrayLike, "examples pieces"],
    count: Int[ArrayLike, "examples pieces"],
    samples: int,
) -> Int16[Array, "examples samples"]:
    """Copies the pieces of each example out of `corpus`; the rest of the example is silence.

    Args:
      corpus: rows of samples; each piece has at least `samples` columns before and after it.
      row: row of each piece in the corpus.
      column: column of the piece's first sample.
      at: index of the piece's first sample in the example.
      count: samples of the piece; the pieces of an example do not overlap.
      samples: samples of an example.
    """
    position = jnp.arange(samples)

    def piece(row, column, at, count):
        stretch = jax.lax.dynamic_slice(corpus, (row, column - at), (1, samples))[0]
        return jnp.where((position >= at) & (position < at + count), stretch, 0)

    return jax.vmap(lambda *pieces: jax.vmap(piece)(*pieces).sum(axis=0, dtype=corpus.dtype))(row, column, at, count)
