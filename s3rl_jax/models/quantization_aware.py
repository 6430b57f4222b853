"""Quantisation-aware training: rounds as an int8 file does, with straight-through gradients (arXiv 1712.05877, section 3)."""

import contextlib
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

LEVELS = 255  # steps from the least to the greatest value of an activation; zero is on a step
WEIGHT_LEVELS = 127  # steps from zero to the greatest weight
SEVERAL_OUTPUT_AXES = ("query", "key", "value")  # dense layers with kernels [width, heads, dim]: one input axis, two of outputs


def straight_through(x: Float[Array, "*shape"], rounded: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`rounded`, with the gradient of `x`."""
    return x + jax.lax.stop_gradient(rounded - x)


def fake_quantise_activation(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Rounds to 256 levels from the least to the greatest value of the batch, with one scale for the tensor; zero is exact."""
    low, high = jnp.minimum(x.min(), 0.0), jnp.maximum(x.max(), 0.0)
    scale = jnp.maximum(high - low, 1e-6) / LEVELS
    zero = jnp.round(-low / scale)
    return straight_through(x, (jnp.clip(jnp.round(x / scale) + zero, 0, LEVELS) - zero) * scale)


def fake_quantise_kernel(name: str, kernel: Float[Array, "*inputs outputs"]) -> Float[Array, "*inputs outputs"]:
    """Rounds to 255 levels about zero, with one scale for each output channel.

    Folding a BatchNorm multiplies each channel of the kernel, and so the channel's scale, by a number: the rounding is the
    same before and after.

    Args:
      name: name of the layer, which decides which axes are outputs.
      kernel: kernel of a dense layer or a convolution.
    """
    inputs = (0,) if name in SEVERAL_OUTPUT_AXES else tuple(range(kernel.ndim - 1))
    scale = jnp.maximum(jnp.abs(kernel).max(axis=inputs, keepdims=True), 1e-8) / WEIGHT_LEVELS
    return straight_through(kernel, jnp.round(kernel / scale) * scale)


def fake_quantise_params(params: Any) -> Any:
    """Rounds all kernels in a tree of parameters."""

    def rounded(path, leaf):
        keys = [entry.key for entry in path]
        return fake_quantise_kernel(keys[-2], leaf) if keys[-1] == "kernel" else leaf

    return jax.tree_util.tree_map_with_path(rounded, params)


def _round_edges(call, args, kwargs, context):
    """Rounds the input and the output of each matrix product and convolution, as the int8 file does. A Flax interceptor."""
    if context.method_name != "__call__" or not isinstance(context.module, (nn.Dense, nn.DenseGeneral, nn.Conv)):
        return call(*args, **kwargs)
    return fake_quantise_activation(call(fake_quantise_activation(args[0]), *args[1:], **kwargs))


def rounding_activations() -> contextlib.AbstractContextManager:
    """Context manager in which Flax modules round the inputs and outputs of their products."""
    return nn.intercept_methods(_round_edges)
