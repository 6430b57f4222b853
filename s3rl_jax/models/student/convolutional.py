"""A student for microcontrollers: causal depthwise-separable convolutions over stacked log-mel frames."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.ops.depthwise import depthwise
from s3rl_jax.models.student.state import State, extend
from s3rl_jax.models.student.transformer import hide


@dataclasses.dataclass(frozen=True)
class ConvolutionalStudentConfig:
    """Sizes. `kernels` are in 20 ms frames, one for each block of the model."""

    width: int
    kernels: tuple[int, ...]


class Separable(nn.Module):
    """Depthwise over time, then pointwise with BatchNorm, which an export folds away, and ReLU; residual.

    Nothing stands between the two convolutions (as in Xception, arXiv 1610.02357): a scale, a bias and a rounding less for
    each channel of an integer file.
    """

    width: int
    kernel: int

    @nn.compact
    def __call__(self, x, past: Float[Array, "batch past width"] | None, train: bool):
        """Returns the frames, and those of its input that the next step needs."""
        frames, past = extend(past, x, self.kernel - 1)
        y = nn.Conv(
            self.width,
            (self.kernel,),
            padding="VALID",
            feature_group_count=self.width,
            use_bias=False,
            conv_general_dilated=depthwise,
            name="depthwise",
        )(frames)
        y = nn.relu(batch_norm(train, "norm")(Dense(self.width, use_bias=False, name="pointwise")(y)))
        return x + y, past


def batch_norm(train: bool, name: str) -> nn.BatchNorm:
    """Of the global batch, as the array is global; running statistics in `batch_stats`."""
    return nn.BatchNorm(use_running_average=not train, momentum=0.98, name=name)


class ConvolutionalStudent(nn.Module):
    """Pointwise projection, then separable convolutions that look back only. Called and stepped as `Student` is."""

    config: ConvolutionalStudentConfig
    block: int = 8  # frames of the shortest step; its state is more or fewer, so that it is not all of a step

    @property
    def width(self) -> int:
        return self.config.width

    def initial_state(self, batch: int) -> State:
        config = self.config
        return {f"past_{i}": jnp.zeros((batch, kernel - 1, config.width)) for i, kernel in enumerate(config.kernels)}

    def __call__(
        self,
        frames: Float[Array, "batch time stacked"],
        valid: Bool[Array, "batch time"] | None = None,
        mask: Bool[Array, "batch time"] | None = None,
        train: bool = False,
    ) -> Float[Array, "batch time width"]:
        """Encodes whole clips; with `train`, by the batch's own statistics, and `batch_stats` is to be mutable."""
        return self.step(frames, None, valid, mask, train)[0]

    @nn.compact
    def step(
        self,
        frames: Float[Array, "batch time stacked"],
        state: State | None,
        valid: Bool[Array, "batch time"] | None = None,
        mask: Bool[Array, "batch time"] | None = None,
        train: bool = False,
    ) -> tuple[Float[Array, "batch time width"], State]:
        """Encodes the next frames of a stream, any number of them; see `Student.step`."""
        config = self.config
        x = nn.relu(batch_norm(train, "projection_norm")(Dense(config.width, use_bias=False, name="projection")(frames)))
        embedding = self.param("mask_embedding", nn.initializers.normal(0.1), (config.width,))
        x = hide(x, embedding, mask, valid)
        after = {}
        for i, kernel in enumerate(config.kernels):
            x, after[f"past_{i}"] = Separable(config.width, kernel, name=f"block_{i}")(
                x, None if state is None else state[f"past_{i}"], train
            )
        return x, after
