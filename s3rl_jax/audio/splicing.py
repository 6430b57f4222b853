"""Examples out of a corpus that is held on the accelerator."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Int16


def splice(
    held: Int16[Array, "rows width"],
    row: Int[Array, "examples pieces"],
    column: Int[Array, "examples pieces"],
    at: Int[Array, "examples pieces"],
    count: Int[Array, "examples pieces"],
    samples: int,
) -> Int16[Array, "examples samples"]:
    """For each example, `count` samples from (row, column) on, put at `at`, for each of its pieces; else silence.

    Args:
      held: with at least `samples` columns of anything before and after what is ever asked for.
      row: of each piece.
      column: of its first sample.
      at: where in the example it goes.
      count: how many samples; pieces of an example do not overlap.
      samples: of an example.
    """
    place = jnp.arange(samples)

    def piece(row, column, at, count):
        stretch = jax.lax.dynamic_slice(held, (row, column - at), (1, samples))[0]
        return jnp.where((place >= at) & (place < at + count), stretch, 0)

    return jax.vmap(lambda *pieces: jax.vmap(piece)(*pieces).sum(axis=0, dtype=held.dtype))(row, column, at, count)
