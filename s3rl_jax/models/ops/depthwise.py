"""Depthwise convolution over time, trained as sums of shifted products and exported as a convolution."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def depthwise_convolution(
    x: Float[Array, "batch time width"], kernel: Float[Array, "taps 1 width"], padding: str
) -> Float[Array, "batch frames width"]:
    """Each channel with its own taps; `padding` is VALID or SAME.

    Where a gradient is asked for, both directions are sums of as many shifted products as there are taps: XLA on a CPU
    takes several times as long for a depthwise convolution and its gradients. Without one it is the convolution, which
    TFLite has as one operator.
    """
    return jax.lax.conv_general_dilated(
        x, kernel, (1,), padding, dimension_numbers=("NWC", "WIO", "NWC"), feature_group_count=kernel.shape[-1]
    )


def _forward(x, kernel, padding):
    taps = len(kernel)
    before, after = _zeros(taps, padding)
    padded = jnp.pad(x, ((0, 0), (before, after), (0, 0)))
    frames = padded.shape[1] - taps + 1
    return sum(padded[:, k : k + frames] * kernel[k, 0] for k in range(taps)), (padded, kernel)


def _backward(padding, kept, dy):
    padded, kernel = kept
    taps, frames, time = len(kernel), dy.shape[1], padded.shape[1]
    shifted = jnp.pad(dy, ((0, 0), (taps - 1, taps - 1), (0, 0)))
    dx = sum(shifted[:, taps - 1 - k : taps - 1 - k + time] * kernel[k, 0] for k in range(taps))
    dkernel = jnp.stack([jnp.sum(padded[:, k : k + frames] * dy, axis=(0, 1), dtype=jnp.float32) for k in range(taps)])
    before, after = _zeros(taps, padding)
    return dx[:, before : time - after], dkernel[:, None].astype(kernel.dtype)


def _zeros(taps: int, padding: str) -> tuple[int, int]:
    """Before the first frame and after the last."""
    return (0, 0) if padding == "VALID" else ((taps - 1) // 2, taps // 2)


depthwise_convolution.defvjp(_forward, _backward)


def depthwise(x, kernel, strides, padding, **_):
    """As `nn.Conv` calls it."""
    return depthwise_convolution(x, kernel, padding)
