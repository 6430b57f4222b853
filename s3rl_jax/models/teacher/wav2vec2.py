"""wav2vec 2.0 (arXiv 2006.11477), HuBERT (2106.07447) and WavLM (2110.13900): one encoder with options.

HuBERT is wav2vec 2.0's encoder without the quantiser; WavLM adds a gated relative position bias. The arithmetic is that of
the published models.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from s3rl_jax.audio.logmel import Count
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.ops.dropout import Dropout
from s3rl_jax.models.teacher.convolutions import ConvolutionalEncoder, PositionalConvolution
from s3rl_jax.models.teacher.quantizer import Quantizer, Temperature
from s3rl_jax.models.teacher.transformer_layer import RelativePositions, TransformerLayer


@dataclasses.dataclass(frozen=True)
class Wav2Vec2Config:
    """Sizes and variants. The defaults are wav2vec 2.0 base."""

    conv_dim: tuple[int, ...] = (512,) * 7
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    conv_norm: str = "group"  # over time after the first convolution (base), or "layer": at each frame after each one
    hidden_size: int = 768
    layers: int = 12
    heads: int = 12
    ffn_size: int = 3072
    position_kernel: int = 128
    position_groups: int = 16
    pre_norm: bool = False  # "stable layer norm"
    feature_norm: bool = True  # a norm before the projection of the latents
    mask_embedding: bool = True
    relative_buckets: int = 0  # WavLM's relative positions: 320 buckets up to 800 frames; 0: none
    relative_distance: int = 800
    quantizer: bool = True
    normalise_audio: bool = True  # scale each utterance to zero mean and unit variance
    codebook_groups: int = 2
    codebook_entries: int = 320
    codebook_dim: int = 256
    projection_dim: int = 256
    dropout: float = 0.1
    layer_drop: float = 0.05
    convolution_gradient: float = 0.1
    norm_epsilon: float = 1e-5
    remat: bool = False  # compute layers again for their gradient, instead of storing their values

    def frame_count(self, samples: Count) -> Count:
        """Number of frames that the convolutions give for `samples` samples."""
        for kernel, stride in zip(self.conv_kernel, self.conv_stride, strict=True):
            samples = (samples - kernel) // stride + 1
        return samples

    def frame_centre(self) -> float:
        """Middle of the samples that the convolutions compute frame 0 from: 199.5 in the published models."""
        centre, step = 0.0, 1
        for kernel, stride in zip(self.conv_kernel, self.conv_stride, strict=True):
            centre, step = centre + step * (kernel - 1) / 2, step * stride
        return centre


SIZES = {
    "base": Wav2Vec2Config(),
    # The first convolutions, which have the most frames, are narrow, so that a laptop pre-trains it in minutes.
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
    # For tests: every part of the model, as small as possible.
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


def normalise(
    audio: Float[ArrayLike, "batch samples"], valid: Bool[ArrayLike, "batch samples"]
) -> Float[Array, "batch samples"]:
    """Shifts and scales each utterance's valid samples to zero mean and unit variance; padding becomes zero."""
    weights = valid.astype(audio.dtype)
    count = jnp.maximum(weights.sum(axis=1, keepdims=True), 1)
    mean = jnp.sum(audio * weights, axis=1, keepdims=True) / count
    centred = (audio - mean) * weights
    return centred * jax.lax.rsqrt(jnp.sum(jnp.square(centred), axis=1, keepdims=True) / count + 1e-7)


class Wav2Vec2(nn.Module):
    """Convolutions, masking, transformer, quantiser, and the two projections of pre-training.

    `latents` runs the convolutions, `hidden` the transformer on their output, `codes` the quantiser on their output.
    """

    config: Wav2Vec2Config

    def setup(self):
        config = self.config
        self.feature_extractor = ConvolutionalEncoder(
            config.conv_dim,
            config.conv_kernel,
            config.conv_stride,
            config.conv_bias,
            config.conv_norm,
            config.convolution_gradient,
        )
        if config.feature_norm:
            self.feature_norm = nn.LayerNorm(epsilon=config.norm_epsilon)
        self.feature_projection = Dense(config.hidden_size)
        if config.mask_embedding:
            self.mask_embedding = self.param("mask_embedding", nn.initializers.uniform(1.0), (config.hidden_size,))
        self.position = PositionalConvolution(config.position_kernel, config.position_groups)
        if config.relative_buckets:
            self.relative_positions = RelativePositions(config.relative_buckets, config.relative_distance, config.heads)
        self.encoder_norm = nn.LayerNorm(epsilon=config.norm_epsilon)
        # Argument 4, `deterministic`, is not an array.
        layer = nn.remat(TransformerLayer, static_argnums=(4,)) if config.remat else TransformerLayer
        self.encoder_layers = [
            layer(config.heads, config.ffn_size, config.pre_norm, config.norm_epsilon, config.dropout)
            for _ in range(config.layers)
        ]
        self.dropout = Dropout(config.dropout)
        if config.quantizer:
            self.quantizer = Quantizer(config.codebook_groups, config.codebook_entries, config.codebook_dim)
            self.project_codes = Dense(config.projection_dim)
            self.project_hidden = Dense(config.projection_dim)

    def latents(self, audio: Float[Array, "batch samples"]) -> Float[Array, "batch time features"]:
        """Output of the convolutions, before its norm."""
        return self.feature_extractor(audio)

    def codes(
        self, latents: Float[Array, "batch time features"], temperature: Temperature = None
    ) -> tuple[Float[Array, "batch time dim"], Float[Array, "batch time groups entries"], Int[Array, "batch time groups"]]:
        """Quantises latents to code vectors, probabilities and indices; see `Quantizer`."""
        return self.quantizer(self._normed(latents), temperature)

    def _normed(self, latents):
        return self.feature_norm(latents) if self.config.feature_norm else latents

    def hidden(
        self,
        latents: Float[Array, "batch time features"],
        valid: Bool[Array, "batch time"],
        mask: Bool[Array, "batch time"] | None = None,
        deterministic: bool = True,
    ) -> list[Float[Array, "batch time dim"]]:
        """The transformer's input and the output of each layer; of a pre-norm model, before the final norm."""
        config = self.config
        x = self.dropout(self.feature_projection(self._normed(latents)), deterministic)
        if mask is not None:
            x = jnp.where(mask[..., None], self.mask_embedding.astype(x.dtype), x)
        x = jnp.where(valid[..., None], x, 0)
        x = x + self.position(x)
        if not config.pre_norm:
            x = self.encoder_norm(x)
        x = self.dropout(x, deterministic)
        positions = self.relative_positions(x.shape[1]) if config.relative_buckets else None
        hidden = [x]
        for layer in self.encoder_layers:
            y = layer(x, valid, positions, deterministic)
            if not deterministic and config.layer_drop:
                y = jnp.where(jax.random.bernoulli(self.make_rng("dropout"), config.layer_drop), x, y)
            x = y
            hidden.append(x)
        return hidden

    def context(self, hidden: list[Float[Array, "batch time dim"]]) -> Float[Array, "batch time dim"]:
        """The model's output: the last layer; of a pre-norm model, after the final norm."""
        return self.encoder_norm(hidden[-1]) if self.config.pre_norm else hidden[-1]

    def __call__(
        self,
        audio: Float[Array, "batch samples"],
        valid: Bool[Array, "batch time"],
        mask: Bool[Array, "batch time"] | None = None,
        temperature: Temperature = None,
        deterministic: bool = True,
    ) -> dict[str, Any]:
        """Computes the outputs that pre-training compares.

        Returns:
          A dict with `latents`, `hidden` (a list) and `context`. With a quantiser, `context` is projected, and the dict also
          has `codes` (projected code vectors), `probabilities` and `index` (see `Quantizer`).
        """
        latents = self.latents(audio)
        hidden = self.hidden(latents, valid, mask, deterministic)
        outputs = {"latents": latents, "hidden": hidden, "context": self.context(hidden)}
        if not self.config.quantizer:
            return outputs
        vectors, probabilities, index = self.codes(latents, temperature)
        return outputs | {
            "context": self.project_hidden(outputs["context"]),
            "codes": self.project_codes(vectors),
            "probabilities": probabilities,
            "index": index,
        }
