"""The two convolutional parts of a wav2vec 2.0 encoder: samples to latents, and relative positions."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from s3rl_jax.models.ops.gelu import gelu
from s3rl_jax.models.ops.grouped_convolution import grouped_convolution
from s3rl_jax.models.ops.strided_convolution import strided

NORM_EPSILON = 1e-5  # of the norms between convolutions in every published model, also where its other norms have another one


class ConvolutionalEncoder(nn.Module):
    """Seven strided convolutions: 16 kHz samples to latents every 20 ms.

    Attributes:
      dims: output channels of each convolution.
      kernels: taps of each convolution.
      strides: stride of each convolution.
      bias: whether the convolutions have a bias.
      norm: "group": a norm over time after the first convolution (base models); "layer": a norm at each frame after each one.
      gradient_scale: factor by which the gradient into the convolutions is multiplied.
    """

    dims: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    bias: bool
    norm: str
    gradient_scale: float = 1.0

    @nn.compact
    def __call__(self, audio: Float[Array, "batch samples"]) -> Float[Array, "batch time features"]:
        x = audio[..., None]
        for i, (dim, kernel, stride) in enumerate(zip(self.dims, self.kernels, self.strides, strict=True)):
            x = nn.Conv(
                dim,
                (kernel,),
                (stride,),
                padding="VALID",
                use_bias=self.bias,
                kernel_init=nn.initializers.he_normal(),
                conv_general_dilated=strided,
                name=f"conv_{i}",
            )(x)
            if self.norm == "layer":
                x = nn.LayerNorm(epsilon=NORM_EPSILON, name=f"norm_{i}")(x)
            elif i == 0:
                x = nn.GroupNorm(num_groups=dim, epsilon=NORM_EPSILON, name="norm_0")(x)
            x = gelu(x)
        scale = self.gradient_scale
        return x if scale == 1.0 else scale * x + (1 - scale) * jax.lax.stop_gradient(x)


class PositionalConvolution(nn.Module):
    """A relative position embedding: a grouped convolution over time, with weight norm for each tap."""

    kernel: int
    groups: int

    @nn.compact
    def __call__(self, x: Float[Array, "batch time dim"]) -> Float[Array, "batch time dim"]:
        kernel, dim = self.kernel, x.shape[-1]
        shape = (kernel, dim // self.groups, dim)
        direction = self.param("weight_v", nn.initializers.normal((4 / (kernel * dim)) ** 0.5), shape)
        length = self.param(
            "weight_g", lambda rng, shape: jnp.linalg.norm(direction, axis=(1, 2), keepdims=True), (kernel, 1, 1)
        )
        bias = self.param("bias", nn.initializers.zeros, (dim,))
        weight = length * direction / jnp.linalg.norm(direction, axis=(1, 2), keepdims=True)
        return gelu(grouped_convolution(x, weight) + bias)
