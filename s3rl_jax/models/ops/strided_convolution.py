"""Strided convolution over time; on a CPU, its gradients are two matrix products."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from s3rl_jax.models.ops.backend import tuned_for_cpu


def strided_convolution(
    x: Float[Array, "batch time features"], weight: Float[Array, "taps features dim"], stride: int
) -> Float[Array, "batch frames dim"]:
    """Convolves over time without padding, with at most `2 stride` taps.

    On a CPU its gradients are matrix products: XLA's gradients, dilated convolutions, take 1.5 times as long.
    """
    return _with_product_gradients(x, weight, stride) if tuned_for_cpu() else _convolution(x, weight, stride)


def strided(x, weight, strides, padding, **_):
    """`strided_convolution` as the argument `conv_general_dilated` of `nn.Conv`."""
    return strided_convolution(x, weight, strides[0])


def _convolution(x, weight, stride):
    return jax.lax.conv_general_dilated(x, weight, (stride,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"))


_with_product_gradients = functools.partial(jax.custom_vjp, nondiff_argnums=(2,))(_convolution)


def _forward(x, weight, stride):
    return _convolution(x, weight, stride), (x, weight)


def _backward(stride, residuals, dy):
    x, weight = residuals
    taps, features, dim = weight.shape
    batch, frames = dy.shape[:2]
    windows = jnp.concatenate([x[:, k : k + stride * (frames - 1) + 1 : stride] for k in range(taps)], axis=-1)
    flat = dy.reshape(-1, dim)
    dweight = windows.reshape(-1, taps * features).T @ flat
    # Frame t reads samples [stride t, stride t + taps). Cut the input into blocks of `stride` samples: the first `stride` taps
    # read block t, the others block t + 1.
    blocks = (flat @ weight.reshape(-1, dim).T).reshape(batch, frames, taps, features)
    blocks = jnp.pad(blocks, ((0, 0), (0, 0), (0, 2 * stride - taps), (0, 0)))
    first, second = blocks[:, :, :stride], blocks[:, :, stride:]
    dx = jnp.pad(first, ((0, 0), (0, 1), (0, 0), (0, 0))) + jnp.pad(second, ((0, 0), (1, 0), (0, 0), (0, 0)))
    dx = dx.reshape(batch, -1, features)[:, : x.shape[1]]
    return jnp.pad(dx, ((0, 0), (0, x.shape[1] - dx.shape[1]), (0, 0))), dweight.reshape(weight.shape)


_with_product_gradients.defvjp(_forward, _backward)
