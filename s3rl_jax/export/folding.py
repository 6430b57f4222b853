"""The network of a conv student for micro_wake_word: BatchNorm folded into convolutions, and one probability at the end."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from s3rl_jax.audio.micro import DEVIATION
from s3rl_jax.export.signatures import Arrays
from s3rl_jax.models.detector import FRAME, KeywordModel
from s3rl_jax.models.head import POOLINGS
from s3rl_jax.models.student.registry import STATISTICS

EPSILON = 1e-5  # of Flax's BatchNorm


class Pointwise(NamedTuple):
    """A linear layer at each frame."""

    kernel: Float[np.ndarray, "inputs outputs"]
    bias: Float[np.ndarray, "outputs"]

    def __call__(self, x: Float[Array, "1 time 1 inputs"]) -> Float[Array, "1 time 1 outputs"]:
        return _convolution(x, self.kernel[None, None]) + self.bias


def folded_network(model: KeywordModel, params: dict[str, Any]) -> Callable[[Arrays], Arrays]:
    """A function equal to that of `wake_word_signature`, of convolutions over [1, time, 1, width] with fused activations.

    Args:
      model: a detector of one keyword with a conv student and mean pooling.
      params: its parameters.
    """
    student, statistics = params["student"], params[STATISTICS]
    projection = _folded(student["projection"]["kernel"] / DEVIATION, student["projection_norm"], statistics["projection_norm"])
    blocks = []
    for i in range(len(model.student.config.kernels)):
        block, norm = student[f"block_{i}"], statistics[f"block_{i}"]["norm"]
        taps = np.asarray(block["depthwise"]["kernel"])[:, None]
        blocks.append((taps, _folded(block["pointwise"]["kernel"], block["norm"], norm)))
    head, silence = params["head"]["linear"], POOLINGS[model.pooling].finish(np.zeros(model.classes, np.float32))
    outputs = Pointwise(np.asarray(head["kernel"]), np.asarray(head["bias"]) - silence)
    # The mean of the frames' differences between both classes: one row of weights.
    pooled = model.window // FRAME
    mean = np.tile(np.array([[-1.0], [1.0]], np.float32) / pooled, (pooled, 1))

    def function(arrays: Arrays) -> Arrays:
        steps = arrays["features"].shape[1]
        x = jax.nn.relu(projection(arrays["features"].reshape(1, steps // 2, 1, -1)))
        state = {}
        for i, (taps, pointwise) in enumerate(blocks):
            joined, state[f"past_{i}"] = _joined(arrays[f"past_{i}"], x)
            x = x + jax.nn.relu(pointwise(_convolution(joined, taps, groups=taps.shape[-1])))
        joined, state["logits"] = _joined(arrays["logits"], outputs(x))
        margin = joined.reshape(1, -1) @ mean + (silence[1] - silence[0])
        return {"posteriors": jax.nn.sigmoid(margin)} | state

    return function


def _folded(kernel: Float[ArrayLike, "inputs outputs"], norm: dict[str, Any], statistics: dict[str, Any]) -> Pointwise:
    """A linear layer without bias, and the BatchNorm after it, as one layer."""
    factor = np.asarray(norm["scale"]) / np.sqrt(np.asarray(statistics["var"]) + EPSILON)
    return Pointwise(np.asarray(kernel) * factor, np.asarray(norm["bias"]) - np.asarray(statistics["mean"]) * factor)


def _joined(
    past: Float[Array, "1 past width"], new: Float[Array, "1 time 1 width"]
) -> tuple[Float[Array, "1 past+time 1 width"], Float[Array, "1 past width"]]:
    """The past and the new frames, and the last of both, which are the past of the next call."""
    frames = jnp.concatenate([past[:, :, None], new], axis=1)
    return frames, frames[:, new.shape[1] :].reshape(past.shape)


def _convolution(
    x: Float[Array, "1 time 1 inputs"], kernel: Float[np.ndarray, "taps 1 part outputs"], groups: int = 1
) -> Float[Array, "1 frames 1 outputs"]:
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups
    )
