"""Scaled dot-product attention with batch and heads as one leading dimension."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def scaled_dot_product(
    query: Float[Array, "batch queries heads dim"],
    key: Float[Array, "batch keys heads dim"],
    value: Float[Array, "batch keys heads dim"],
    attend: Bool[Array, "batch #queries keys"] | None,
    bias: Float[Array, "batch heads queries keys"] | None = None,
) -> Float[Array, "batch queries heads dim"]:
    """softmax(q k / sqrt(dim) + bias) v over the keys that `attend` allows (None: all); the softmax in float32.

    The same as `jax.nn.dot_product_attention`, whose products over batch and heads apart take twice as long on a CPU.
    """
    batch, queries, heads, dim = query.shape
    query, key, value = (x.swapaxes(1, 2).reshape(batch * heads, x.shape[1], dim) for x in (query, key, value))
    scores = jnp.einsum("nqd,nkd->nqk", query, key, preferred_element_type=jnp.float32) * dim**-0.5
    scores = scores.reshape(batch, heads, queries, -1)
    if bias is not None:
        scores = scores + bias
    if attend is not None:
        scores = jnp.where(attend[:, None], scores, jnp.finfo(scores.dtype).min)
    weights = jax.nn.softmax(scores).astype(value.dtype).reshape(batch * heads, queries, -1)
    heard = jnp.einsum("nqk,nkd->nqd", weights, value)
    return heard.reshape(batch, heads, queries, dim).swapaxes(1, 2)


def block_attention(
    query: Float[Array, "batch time heads dim"],
    key: Float[Array, "batch context+time heads dim"],
    value: Float[Array, "batch context+time heads dim"],
    block: int,
    attend: Bool[Array, "batch context+time"] | None,
) -> Float[Array, "batch time heads dim"]:
    """Attention of a stream: each block of frames attends to itself and to the `context` frames before it.

    Within a block attention looks both ways: its frames come in together, so that this costs no delay. Time is linear in
    the length of the stream.

    Args:
      query: whole blocks of new frames.
      key: of the frames before the first query, then of the new ones.
      value: likewise.
      block: frames; divides context and time.
      attend: which keys are real; None: all.
    """
    time = query.shape[1]
    offsets = range(0, key.shape[1] - time + 1, block)

    def windows(x):  # the keys of each block's queries, blocks folded into the batch
        pieces = [x[:, first : first + time].reshape(-1, block, *x.shape[2:]) for first in offsets]
        return jnp.concatenate(pieces, axis=1)

    if time == block:  # one step: the keys are what they are
        return scaled_dot_product(query, key, value, None if attend is None else attend[:, None])
    heard = scaled_dot_product(
        query.reshape(-1, block, *query.shape[2:]),
        windows(key),
        windows(value),
        None if attend is None else windows(attend)[:, None],
    )
    return heard.reshape(query.shape)
