"""A student for microcontrollers: causal depthwise-separable convolutions over stacked log-mel frames."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from s3rl_jax.audio.front_end import LOGMEL
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.ops.depthwise_convolution import depthwise
from s3rl_jax.models.student.masking import hide
from s3rl_jax.models.student.state import State, extend


@dataclasses.dataclass(frozen=True)
class ConvolutionalStudentConfig:
    """Sizes of the student: `kernels` holds the kernel of each block, in 20 ms frames."""

    width: int
    kernels: tuple[int, ...]


class SeparableConvolution(nn.Module):
    """A residual block: depthwise convolution over time, pointwise convolution, BatchNorm (which an export folds), ReLU.

    There is no norm or activation between the two convolutions (as in Xception, arXiv 1610.02357), which saves a rounding
    for each channel of an integer file.
    """

    width: int
    kernel: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch time width"], past: Float[Array, "batch past width"] | None, train: bool
    ) -> tuple[Float[Array, "batch time width"], Float[Array, "batch past width"]]:
        """Convolves new frames after those of `past` (None: silence).

        Returns:
          The output, and the last `kernel - 1` frames of the input, which are the past of the next step.
        """
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
    """BatchNorm. Its means are over the global batch, as JAX arrays are global; its running statistics are `batch_stats`."""
    return nn.BatchNorm(use_running_average=not train, momentum=0.98, name=name)


class ConvolutionalStudent(nn.Module):
    """A pointwise projection, then causal separable convolutions. It has the interface of `Student`."""

    config: ConvolutionalStudentConfig
    # Frames of the shortest step. No kernel may need 8 past frames: a step of 8 frames would replace such a state as a whole.
    block: int = 8
    front_end: str = LOGMEL  # the features that it takes, a name in `FRONT_ENDS`

    @property
    def width(self) -> int:
        return self.config.width

    def initial_state(self, batch: int) -> State:
        """The state before the first frame: silence."""
        config = self.config
        return {f"past_{i}": jnp.zeros((batch, kernel - 1, config.width)) for i, kernel in enumerate(config.kernels)}

    def __call__(
        self,
        frames: Float[Array, "batch time stacked"],
        valid: Bool[Array, "batch time"] | None = None,
        mask: Bool[Array, "batch time"] | None = None,
        train: bool = False,
    ) -> Float[Array, "batch time width"]:
        """Encodes whole clips. With `train`, BatchNorm uses the statistics of the batch, and `batch_stats` must be mutable."""
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
        """Encodes the next frames of a stream, any number; the arguments are those of `Student.step`."""
        config = self.config
        x = nn.relu(batch_norm(train, "projection_norm")(Dense(config.width, use_bias=False, name="projection")(frames)))
        embedding = self.param("mask_embedding", nn.initializers.normal(0.1), (config.width,))
        x = hide(x, embedding, mask, valid)
        next_state = {}
        for i, kernel in enumerate(config.kernels):
            name = f"past_{i}"
            past = None if state is None else state[name]
            x, next_state[name] = SeparableConvolution(config.width, kernel, name=f"block_{i}")(x, past, train)
        return x, next_state
