"""The head of a detector: a linear layer at each frame, and the pooling of its outputs over a window."""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from s3rl_jax.models.ops.dense import Dense

SILENCE_LOGIT = 5.0  # logit of "no keyword" before the first frame of a stream; each keyword's logit is minus this
STEEPEST = 3.0  # logarithm of a frame's largest weight in attention pooling

Values = Float[ArrayLike, "*batch _"]  # values at frames, or reduced over the frames of a window


class Pooling(NamedTuple):
    """A pooling of the linear layer's outputs at frames to the logits of a window.

    logits = finish(reduction(remembered(outputs))); the reduction is over the frames of the window. The state of a stream
    holds the remembered values of the window's past frames. For silence they are 0.

    Attributes:
      extra: number of outputs of the linear layer in addition to one logit for each class.
      reduction: mean or max.
      remembered: function from outputs [*batch, outputs] to the values that are reduced.
      finish: function from reduced values to logits [*batch, classes].
    """

    extra: int
    reduction: str
    remembered: Callable[[Values], Values]
    finish: Callable[[Values], Values]


def _silence(classes: int) -> Float[np.ndarray, "classes"]:
    return SILENCE_LOGIT * np.where(np.arange(classes) == 0, 1, -1).astype(np.float32)


def _attention_remembered(outputs: Values) -> Values:
    logits, weight = outputs[..., :-1], jnp.exp(STEEPEST * jnp.tanh(outputs[..., -1:] / STEEPEST))
    return jnp.concatenate([weight * (logits - _silence(logits.shape[-1])), weight - 1], axis=-1)


def _attention_finish(reduced: Values) -> Values:
    return reduced[..., :-1] / (1 + reduced[..., -1:]) + _silence(reduced.shape[-1] - 1)


def _max_finish(reduced: Values) -> Values:
    margins = reduced - 2 * SILENCE_LOGIT
    return jnp.concatenate([jnp.zeros_like(margins[..., :1]), margins], axis=-1)


POOLINGS = {
    # The logits of the mean frame, as in the paper.
    "mean": Pooling(
        0, "mean", lambda outputs: outputs - _silence(outputs.shape[-1]), lambda mean: mean + _silence(mean.shape[-1])
    ),
    # A weighted mean: an output of the linear layer gives each frame a weight from e^-3 to e^3.
    "attention": Pooling(1, "mean", _attention_remembered, _attention_finish),
    # For each keyword, the frame at which its logit minus that of "no keyword" is highest.
    "max": Pooling(0, "max", lambda outputs: outputs[..., 1:] - outputs[..., :1] + 2 * SILENCE_LOGIT, _max_finish),
}


class Head(nn.Module):
    """A linear layer: one logit for each class at each frame, and the extra outputs of the pooling. Class 0 is no keyword."""

    classes: int
    pooling: str = "mean"

    @nn.compact
    def __call__(self, hidden: Float[ArrayLike, "*batch width"]) -> Float[Array, "*batch outputs"]:
        return Dense(self.classes + POOLINGS[self.pooling].extra, name="linear")(hidden)


def window_logits(pooling: str, outputs: Float[ArrayLike, "batch time outputs"]) -> Float[Array, "batch classes"]:
    """Logits of one window, from the outputs at its frames."""
    return stream_logits(pooling, POOLINGS[pooling].remembered(outputs), 1, outputs.shape[1], outputs.shape[1])[:, 0]


def stream_logits(
    pooling: str, remembered: Float[ArrayLike, "batch time values"], hops: int, frames_a_hop: int, pooled: int
) -> Float[Array, "batch {hops} classes"]:
    """Logits of several windows of a stream, one after each hop.

    Args:
      pooling: a name in `POOLINGS`.
      remembered: values of the frames of the first window and of all frames after it.
      hops: number of windows.
      frames_a_hop: frames from one window to the next.
      pooled: frames of a window.
    """
    if POOLINGS[pooling].reduction == "mean":
        reduced = window_means(remembered, hops, frames_a_hop, pooled)
    elif remembered.shape[1] == pooled:
        reduced = jnp.max(remembered, axis=1, keepdims=True)
    else:
        window, stride = (1, pooled, 1), (1, frames_a_hop, 1)
        reduced = jax.lax.reduce_window(remembered, -jnp.inf, jax.lax.max, window, stride, "VALID")
    return POOLINGS[pooling].finish(reduced)


def window_means(
    values: Float[ArrayLike, "batch time values"], hops: int, frames_a_hop: int, pooled: int
) -> Float[Array, "batch {hops} values"]:
    """Means over several windows of a stream, one after each hop; the arguments are those of `stream_logits`."""
    first, frame = frames_a_hop * np.arange(hops)[:, None], np.arange(values.shape[1])
    # A mean as a matrix product, which converts and quantises where a pooling operator does not.
    share = ((frame >= first) & (frame < first + pooled)) / np.float32(pooled)
    return jnp.einsum("hf,bfc->bhc", share.astype(np.float32), values)
