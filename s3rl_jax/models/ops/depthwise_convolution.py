"""Depthwise convolution over time; in training on a CPU, it is a sum of shifted products."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from s3rl_jax.models.ops.backend import tuned_for_cpu


def depthwise_convolution(
    x: Float[Array, "batch time width"], kernel: Float[Array, "taps 1 width"], padding: str
) -> Float[Array, "batch frames width"]:
    """Convolves each channel with its own taps; `padding` is VALID or SAME.

    On a CPU, where a gradient is taken, value and gradients are sums of `taps` shifted products: XLA takes several times as
    long for a depthwise convolution and its gradients. Without a gradient both forms are a convolution, which is one
    operator in TFLite.
    """
    return _trained_as_shifted_products(x, kernel, padding) if tuned_for_cpu() else _convolution(x, kernel, padding)


def depthwise(x, kernel, strides, padding, **_):
    """`depthwise_convolution` as the argument `conv_general_dilated` of `nn.Conv`."""
    return depthwise_convolution(x, kernel, padding)


def _convolution(x, kernel, padding):
    return jax.lax.conv_general_dilated(
        x, kernel, (1,), padding, dimension_numbers=("NWC", "WIO", "NWC"), feature_group_count=kernel.shape[-1]
    )


_trained_as_shifted_products = functools.partial(jax.custom_vjp, nondiff_argnums=(2,))(_convolution)


def _forward(x, kernel, padding):
    taps = len(kernel)
    padded = jnp.pad(x, ((0, 0), _zeros(taps, padding), (0, 0)))
    frames = padded.shape[1] - taps + 1
    return sum(padded[:, k : k + frames] * kernel[k, 0] for k in range(taps)), (padded, kernel)


def _backward(padding, residuals, dy):
    padded, kernel = residuals
    taps, frames, time = len(kernel), dy.shape[1], padded.shape[1]
    shifted = jnp.pad(dy, ((0, 0), (taps - 1, taps - 1), (0, 0)))
    dx = sum(shifted[:, taps - 1 - k : taps - 1 - k + time] * kernel[k, 0] for k in range(taps))
    dkernel = jnp.stack([jnp.sum(padded[:, k : k + frames] * dy, axis=(0, 1), dtype=jnp.float32) for k in range(taps)])
    before, after = _zeros(taps, padding)
    return dx[:, before : time - after], dkernel[:, None].astype(kernel.dtype)


def _zeros(taps: int, padding: str) -> tuple[int, int]:
    """Zeros before the first frame and after the last."""
    return (0, 0) if padding == "VALID" else ((taps - 1) // 2, taps // 2)


_trained_as_shifted_products.defvjp(_forward, _backward)
