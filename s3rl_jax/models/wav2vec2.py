"""The teacher: wav2vec 2.0 (arXiv 2006.11477), with the names and the arithmetic of the published checkpoints."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from s3rl_jax.models.quantizer import Quantizer


@dataclasses.dataclass(frozen=True)
class Wav2Vec2Config:
    """Sizes and variants. The defaults are wav2vec 2.0 base."""

    conv_dim: tuple[int, ...] = (512,) * 7
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    conv_norm: str = "group"  # over time in the first convolution alone (base), or "layer": per frame in all of them
    hidden_size: int = 768
    layers: int = 12
    heads: int = 12
    ffn_size: int = 3072
    position_kernel: int = 128
    position_groups: int = 16
    pre_norm: bool = False  # "stable layer norm"
    codebook_groups: int = 2
    codebook_entries: int = 320
    codebook_dim: int = 256
    projection_dim: int = 256
    dropout: float = 0.1
    layer_drop: float = 0.05
    convolution_gradient: float = 0.1
    norm_epsilon: float = 1e-5

    def frame_count(self, samples: Int[Array, "*batch"] | int):
        """Frames that the convolutions make of that many samples."""
        for kernel, stride in zip(self.conv_kernel, self.conv_stride, strict=True):
            samples = (samples - kernel) // stride + 1
        return samples


SIZES = {
    "base": Wav2Vec2Config(),
    # Narrow where frames are many, so that a laptop pre-trains it in minutes.
    "tiny": Wav2Vec2Config(
        conv_dim=(16, 32, 64, 96, 96, 128, 160),
        hidden_size=160,
        layers=4,
        heads=4,
        ffn_size=640,
        position_kernel=16,
        position_groups=4,
        pre_norm=True,
        codebook_entries=64,
        codebook_dim=128,
        projection_dim=128,
        dropout=0.0,
        layer_drop=0.0,
        convolution_gradient=1.0,
    ),
    # For tests: every part of the above at the least size.
    "toy": Wav2Vec2Config(
        conv_dim=(8, 8, 8, 8, 8, 8, 16),
        conv_norm="layer",
        conv_bias=True,
        hidden_size=16,
        layers=2,
        heads=2,
        ffn_size=32,
        position_kernel=8,
        position_groups=2,
        pre_norm=True,
        codebook_entries=8,
        codebook_dim=16,
        projection_dim=16,
        dropout=0.0,
        layer_drop=0.0,
        convolution_gradient=1.0,
    ),
}


def normalise(audio: Float[Array, "batch samples"], valid: Bool[Array, "batch samples"]) -> Float[Array, "batch samples"]:
    """Zero mean and unit variance of each utterance's valid samples; padding stays zero."""
    weights = valid.astype(audio.dtype)
    count = jnp.maximum(weights.sum(axis=1, keepdims=True), 1)
    mean = jnp.sum(audio * weights, axis=1, keepdims=True) / count
    centred = (audio - mean) * weights
    return centred * jax.lax.rsqrt(jnp.sum(jnp.square(centred), axis=1, keepdims=True) / count + 1e-7)


class ConvolutionalEncoder(nn.Module):
    """Seven strided convolutions: 16 kHz samples to latents every 20 ms."""

    config: Wav2Vec2Config

    @nn.compact
    def __call__(self, audio: Float[Array, "batch samples"]) -> Float[Array, "batch time features"]:
        config = self.config
        x = audio[..., None]
        for i, (dim, kernel, stride) in enumerate(zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True)):
            x = nn.Conv(
                dim,
                (kernel,),
                (stride,),
                padding="VALID",
                use_bias=config.conv_bias,
                kernel_init=nn.initializers.he_normal(),
                name=f"conv_{i}",
            )(x)
            if config.conv_norm == "layer":
                x = nn.LayerNorm(epsilon=config.norm_epsilon, name=f"norm_{i}")(x)
            elif i == 0:
                x = nn.GroupNorm(num_groups=dim, epsilon=config.norm_epsilon, name="norm_0")(x)
            x = nn.gelu(x, approximate=False)
        scale = config.convolution_gradient
        return x if scale == 1.0 else scale * x + (1 - scale) * jax.lax.stop_gradient(x)


class PositionalConvolution(nn.Module):
    """Grouped convolution over time with weight norm per tap: a relative position embedding."""

    config: Wav2Vec2Config

    @nn.compact
    def __call__(self, x: Float[Array, "batch time dim"]) -> Float[Array, "batch time dim"]:
        kernel, groups = self.config.position_kernel, self.config.position_groups
        dim = x.shape[-1]
        shape = (kernel, dim // groups, dim)
        direction = self.param("weight_v", nn.initializers.normal((4 / (kernel * dim)) ** 0.5), shape)
        length = self.param(
            "weight_g", lambda rng, shape: jnp.linalg.norm(direction, axis=(1, 2), keepdims=True), (kernel, 1, 1)
        )
        bias = self.param("bias", nn.initializers.zeros, (dim,))
        weight = length * direction / jnp.linalg.norm(direction, axis=(1, 2), keepdims=True)
        y = jax.lax.conv_general_dilated(
            x,
            weight,
            (1,),
            [(kernel // 2, kernel - 1 - kernel // 2)],
            dimension_numbers=("NWC", "WIO", "NWC"),
            feature_group_count=groups,
        )
        return nn.gelu(y + bias, approximate=False)


class TransformerLayer(nn.Module):
    """Self-attention and feed-forward, normalised after (base) or before (large)."""

    config: Wav2Vec2Config

    @nn.compact
    def __call__(self, x, attend: Bool[Array, "batch time"], deterministic: bool):
        config = self.config
        drop = nn.Dropout(config.dropout, deterministic=deterministic)
        attention_norm = nn.LayerNorm(epsilon=config.norm_epsilon, name="layer_norm")
        final_norm = nn.LayerNorm(epsilon=config.norm_epsilon, name="final_layer_norm")
        if config.pre_norm:
            x = x + drop(self._attention(attention_norm(x), attend))
            return x + self._feed_forward(final_norm(x), drop)
        x = attention_norm(x + drop(self._attention(x, attend)))
        return final_norm(x + self._feed_forward(x, drop))

    def _attention(self, x, attend):
        heads = self.config.heads
        query, key, value = (
            nn.DenseGeneral((heads, x.shape[-1] // heads), name=name)(x) for name in ("q_proj", "k_proj", "v_proj")
        )
        y = jax.nn.dot_product_attention(query, key, value, mask=attend[:, None, None, :])
        return nn.DenseGeneral(x.shape[-1], axis=(-2, -1), name="out_proj")(y)

    def _feed_forward(self, x, drop):
        y = nn.gelu(nn.Dense(self.config.ffn_size, name="intermediate")(x), approximate=False)
        return drop(nn.Dense(x.shape[-1], name="output")(drop(y)))


class Wav2Vec2(nn.Module):
    """Convolutions, masking, transformer; with the quantiser and the two projections of pre-training.

    `__call__` runs the transformer; `codes` runs only what the codebook objective needs.
    """

    config: Wav2Vec2Config

    def setup(self):
        config = self.config
        self.feature_extractor = ConvolutionalEncoder(config)
        self.feature_norm = nn.LayerNorm(epsilon=config.norm_epsilon)
        self.feature_projection = nn.Dense(config.hidden_size)
        self.mask_embedding = self.param("mask_embedding", nn.initializers.uniform(1.0), (config.hidden_size,))
        self.position = PositionalConvolution(config)
        self.encoder_norm = nn.LayerNorm(epsilon=config.norm_epsilon)
        self.encoder_layers = [TransformerLayer(config) for _ in range(config.layers)]
        self.dropout = nn.Dropout(config.dropout)
        self.quantizer = Quantizer(config.codebook_groups, config.codebook_entries, config.codebook_dim)
        self.project_codes = nn.Dense(config.projection_dim)
        self.project_hidden = nn.Dense(config.projection_dim)

    def latents(self, audio: Float[Array, "batch samples"]) -> Float[Array, "batch time features"]:
        """The convolutions' output, before its norm."""
        return self.feature_extractor(audio)

    def codes(self, latents, temperature=None):
        """Quantised latents: code vectors, probabilities, indices."""
        return self.quantizer(self.feature_norm(latents), temperature)

    def hidden(
        self,
        latents: Float[Array, "batch time features"],
        valid: Bool[Array, "batch time"],
        mask: Bool[Array, "batch time"] | None = None,
        deterministic: bool = True,
    ) -> list[Float[Array, "batch time dim"]]:
        """The transformer's input and the output of each layer, before the final norm of the pre-norm variant."""
        config = self.config
        x = self.dropout(self.feature_projection(self.feature_norm(latents)), deterministic=deterministic)
        if mask is not None:
            x = jnp.where(mask[..., None], self.mask_embedding.astype(x.dtype), x)
        x = jnp.where(valid[..., None], x, 0)
        x = x + self.position(x)
        if not config.pre_norm:
            x = self.encoder_norm(x)
        x = self.dropout(x, deterministic=deterministic)
        hidden = [x]
        for layer in self.encoder_layers:
            y = layer(x, valid, deterministic)
            if not deterministic and config.layer_drop:
                y = jnp.where(jax.random.bernoulli(self.make_rng("dropout"), config.layer_drop), x, y)
            x = y
            hidden.append(x)
        return hidden

    def context(self, hidden: list[Float[Array, "batch time dim"]]) -> Float[Array, "batch time dim"]:
        """What the model says in the end: the last layer, normalised."""
        return self.encoder_norm(hidden[-1]) if self.config.pre_norm else hidden[-1]

    def __call__(self, audio, valid, mask=None, temperature=None, deterministic=True):
        """Everything that pre-training compares.

        Returns:
          A dict: `latents`, `hidden` (list), `context` and `codes` (both projected), `probabilities`, `index`.
        """
        latents = self.latents(audio)
        hidden = self.hidden(latents, valid, mask, deterministic)
        vectors, probabilities, index = self.codes(latents, temperature)
        return {
            "latents": latents,
            "hidden": hidden,
            "context": self.project_hidden(self.context(hidden)),
            "codes": self.project_codes(vectors),
            "probabilities": probabilities,
            "index": index,
        }
