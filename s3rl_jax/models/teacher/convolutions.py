"""The two convolutional parts of a wav2vec-like encoder: samples to latents, and relative positions."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from s3rl_jax.models.ops.gelu import gelu

NORM_EPSILON = 1e-5  # of the norms between convolutions, in every published model, whatever its other norms use


class ConvolutionalEncoder(nn.Module):
    """Seven strided convolutions: 16 kHz samples to latents every 20 ms.

    Attributes:
      dims, kernels, strides: of each convolution.
      bias: whether the convolutions have one.
      norm: "group", over time in the first convolution alone (base models), or "layer", per frame in all of them.
      gradient_scale: what the gradient is multiplied with on its way into the convolutions.
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
                conv_general_dilated=_strided,
                name=f"conv_{i}",
            )(x)
            if self.norm == "layer":
                x = nn.LayerNorm(epsilon=NORM_EPSILON, name=f"norm_{i}")(x)
            elif i == 0:
                x = nn.GroupNorm(num_groups=dim, epsilon=NORM_EPSILON, name="norm_0")(x)
            x = gelu(x)
        scale = self.gradient_scale
        return x if scale == 1.0 else scale * x + (1 - scale) * jax.lax.stop_gradient(x)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def strided_convolution(
    x: Float[Array, "batch time features"], weight: Float[Array, "taps features dim"], stride: int
) -> Float[Array, "batch frames dim"]:
    """Convolution over time without padding, of at most `2 stride` taps.

    Its gradients are ours, two matrix products: XLA's own, convolutions with holes, take half as long again on a CPU.
    """
    return jax.lax.conv_general_dilated(x, weight, (stride,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"))


def _strided_forward(x, weight, stride):
    return strided_convolution(x, weight, stride), (x, weight)


def _strided_backward(stride, kept, dy):
    x, weight = kept
    taps, features, dim = weight.shape
    batch, frames = dy.shape[:2]
    heard = jnp.concatenate([x[:, k : k + stride * (frames - 1) + 1 : stride] for k in range(taps)], axis=-1)
    flat = dy.reshape(-1, dim)
    dweight = heard.reshape(-1, taps * features).T @ flat
    # Frame t reads samples [stride t, stride t + taps): its first `stride` taps are block t of the input, the rest of
    # them lie in block t + 1.
    blocks = (flat @ weight.reshape(-1, dim).T).reshape(batch, frames, taps, features)
    blocks = jnp.pad(blocks, ((0, 0), (0, 0), (0, 2 * stride - taps), (0, 0)))
    own, next_ = blocks[:, :, :stride], blocks[:, :, stride:]
    dx = jnp.pad(own, ((0, 0), (0, 1), (0, 0), (0, 0))) + jnp.pad(next_, ((0, 0), (1, 0), (0, 0), (0, 0)))
    dx = dx.reshape(batch, -1, features)[:, : x.shape[1]]
    return jnp.pad(dx, ((0, 0), (0, x.shape[1] - dx.shape[1]), (0, 0))), dweight.reshape(weight.shape)


strided_convolution.defvjp(_strided_forward, _strided_backward)


def _strided(x, weight, strides, padding, **_):
    """As `nn.Conv` calls it."""
    return strided_convolution(x, weight, strides[0])


class PositionalConvolution(nn.Module):
    """Grouped convolution over time with weight norm per tap: a relative position embedding."""

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


@jax.custom_vjp
def grouped_convolution(
    x: Float[Array, "batch time dim"], weight: Float[Array, "taps part dim"]
) -> Float[Array, "batch time dim"]:
    """Convolution over time with dim // part groups and as many outputs as inputs, `taps // 2` zeros before the first frame.

    The gradient into the weight is ours: XLA's own, for groups and so many taps, takes ten times as long on a CPU, a
    quarter of a step of pre-training.
    """
    taps, part, dim = weight.shape
    return jax.lax.conv_general_dilated(
        x,
        weight,
        (1,),
        [(taps // 2, taps - 1 - taps // 2)],
        dimension_numbers=("NWC", "WIO", "NWC"),
        feature_group_count=dim // part,
    )


def _forward(x, weight):
    return grouped_convolution(x, weight), (x, weight)


def _backward(kept, dy):
    x, weight = kept
    (dx,) = jax.linear_transpose(lambda x: grouped_convolution.fun(x, weight), x)(dy)
    return dx, _weight_gradient(x, dy, *weight.shape[:2]).astype(weight.dtype)


def _weight_gradient(x, dy, taps, part):
    """dW_kio = sum_bt x_{b,t+k,i} dy_bto: a matrix product for each group, of some taps' shifted inputs at once."""
    batch, time, dim = x.shape
    at_once = max(n for n in range(1, 17) if taps % n == 0)
    padded = jnp.pad(x, ((0, 0), (taps // 2, taps - 1 - taps // 2), (0, 0))).reshape(batch, -1, dim // part, part)
    dy = dy.reshape(batch, time, dim // part, part)

    def some(first):
        shifted = [jax.lax.dynamic_slice_in_dim(padded, first + k, time, axis=1) for k in range(at_once)]
        return jnp.einsum("btgki,btgo->kigo", jnp.stack(shifted, axis=3), dy, preferred_element_type=jnp.float32)

    return jax.lax.map(some, jnp.arange(0, taps, at_once)).reshape(taps, part, dim)


grouped_convolution.defvjp(_forward, _backward)
