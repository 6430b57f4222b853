"""Scaled dot-product attention; on a CPU, batch and heads are folded into one dimension."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from s3rl_jax.models.ops.backend import tuned_for_cpu


def scaled_dot_product(
    query: Float[Array, "batch queries heads dim"],
    key: Float[Array, "batch keys heads dim"],
    value: Float[Array, "batch keys heads dim"],
    attend: Bool[Array, "batch #queries keys"] | None,
    bias: Float[Array, "batch heads queries keys"] | None = None,
) -> Float[Array, "batch queries heads dim"]:
    """softmax(q k / sqrt(dim) + bias) v over the keys at which `attend` is True (None: all); the softmax in float32.

    `jax.nn.dot_product_attention` keeps batch and heads as two dimensions of its products, which takes twice as long on a CPU.
    """
    if tuned_for_cpu():
        return _folded_attention(query, key, value, attend, bias)
    masked = attend is not None or bias is not None
    cudnn = cudnn_applies(jax.default_backend(), query.dtype, query.shape, key.shape, masked, bias is not None)
    mask = None if attend is None else attend[:, None]
    bias = None if bias is None else bias.astype(query.dtype)
    return jax.nn.dot_product_attention(query, key, value, bias, mask, implementation="cudnn" if cudnn else "xla")


def cudnn_applies(
    backend: str, dtype: np.dtype, query: tuple[int, ...], key: tuple[int, ...], masked: bool, biased: bool
) -> bool:
    """Whether cuDNN has a fused kernel, with gradients, for arrays of these shapes [batch, time, heads, dim].

    cuDNN computes in 16 bits, for heads of 8, 16, ... 128 dimensions. With a mask, the numbers of queries and keys must be
    even. It has no gradient of a bias.
    """
    sizes_fit = query[-1] % 8 == 0 and query[-1] <= 128
    times_fit = not masked or (query[1] % 2 == 0 and key[1] % 2 == 0)
    return backend == "gpu" and dtype in (jnp.bfloat16, jnp.float16) and sizes_fit and times_fit and not biased


def _folded_attention(query, key, value, attend, bias):
    batch, queries, heads, dim = query.shape
    query, key, value = (x.swapaxes(1, 2).reshape(batch * heads, x.shape[1], dim) for x in (query, key, value))
    scores = jnp.einsum("nqd,nkd->nqk", query, key, preferred_element_type=jnp.float32) * dim**-0.5
    scores = scores.reshape(batch, heads, queries, -1)
    if bias is not None:
        scores = scores + bias
    if attend is not None:
        scores = jnp.where(attend[:, None], scores, jnp.finfo(scores.dtype).min)
    weights = jax.nn.softmax(scores).astype(value.dtype).reshape(batch * heads, queries, -1)
    output = jnp.einsum("nqk,nkd->nqd", weights, value)
    return output.reshape(batch, heads, queries, dim).swapaxes(1, 2)


def block_attention(
    query: Float[Array, "batch time heads dim"],
    key: Float[Array, "batch keys heads dim"],
    value: Float[Array, "batch keys heads dim"],
    block: int,
    attend: Bool[Array, "batch keys"] | None,
) -> Float[Array, "batch time heads dim"]:
    """Attention of a stream: each block of frames attends to itself and to the `context = keys - time` frames before it.

    Within a block, frames attend to earlier and later ones: they arrive together, so this adds no delay. The cost is linear
    in the length of the stream.

    Args:
      query: queries of the new frames, whole blocks.
      key: keys of the `context` frames before the first query, then of the new frames.
      value: values of the same frames as `key`.
      block: frames of a block; divides context and time.
      attend: True at keys of valid frames; None: all.
    """
    time = query.shape[1]
    offsets = range(0, key.shape[1] - time + 1, block)

    def windows(x):  # the keys that each block attends to, blocks folded into the batch
        pieces = [x[:, first : first + time].reshape(-1, block, *x.shape[2:]) for first in offsets]
        return jnp.concatenate(pieces, axis=1)

    if time == block:  # one block attends to all keys
        return scaled_dot_product(query, key, value, None if attend is None else attend[:, None])
    output = scaled_dot_product(
        query.reshape(-1, block, *query.shape[2:]),
        windows(key),
        windows(value),
        None if attend is None else windows(attend)[:, None],
    )
    return output.reshape(query.shape)
