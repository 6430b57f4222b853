"""The student: a small transformer over stacked log-mel frames, 20 ms each (arXiv 2307.02720, section 3.1)."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from s3rl_jax.models.dense import Dense, DenseGeneral
from s3rl_jax.models.scaled_dot_product import scaled_dot_product


@dataclasses.dataclass(frozen=True)
class StudentConfig:
    """Sizes. `position_kernel` is in 20 ms frames."""

    width: int
    ffn_size: int
    heads: int
    layers: int = 3
    position_kernel: int = 15


SIZES = {
    "toy": StudentConfig(width=16, ffn_size=32, heads=2, layers=2, position_kernel=3),  # for tests
    "tiny": StudentConfig(width=96, ffn_size=352, heads=4),  # 0.33 M parameters
    "small": StudentConfig(width=256, ffn_size=512, heads=4),  # 1.6 M
    "large": StudentConfig(width=768, ffn_size=3072, heads=12),  # 21.3 M
}


class Layer(nn.Module):
    """Pre-norm self-attention and feed-forward, without biases.

    RMS norm, because it quantises to int8 with less loss than layer norm; the tanh form of GELU, because it is one
    TFLite operator.
    """

    config: StudentConfig

    @nn.compact
    def __call__(self, x, attend: Bool[Array, "batch #time time"]):
        config = self.config
        head = (config.heads, config.width // config.heads)
        y = nn.RMSNorm(name="attention_norm")(x)
        query, key, value = (DenseGeneral(head, use_bias=False, name=name)(y) for name in ("query", "key", "value"))
        y = scaled_dot_product(query, key, value, attend)
        x = x + DenseGeneral(config.width, axis=(-2, -1), use_bias=False, name="attention_output")(y)
        y = nn.RMSNorm(name="feed_forward_norm")(x)
        y = nn.gelu(Dense(config.ffn_size, use_bias=False, name="intermediate")(y), approximate=True)
        return x + Dense(config.width, use_bias=False, name="output")(y)


class Student(nn.Module):
    """Linear projection of stacked frames, a depthwise convolution for position, transformer layers.

    Position is relative (a convolution) and attention is given by a mask, so that nothing here depends on where in a
    stream a frame stands.
    """

    config: StudentConfig

    @nn.compact
    def __call__(
        self,
        frames: Float[Array, "batch time stacked"],
        valid: Bool[Array, "batch time"] | None = None,
        mask: Bool[Array, "batch time"] | None = None,
    ) -> Float[Array, "batch time width"]:
        """Encodes.

        Args:
          frames: standardised log-mel, two 10 ms frames side by side.
          valid: which frames are real; None: all.
          mask: frames replaced by a learned embedding.
        """
        config = self.config
        x = Dense(config.width, name="projection")(frames)
        embedding = self.param("mask_embedding", nn.initializers.normal(0.1), (config.width,))
        if mask is not None:
            x = jnp.where(mask[..., None], embedding, x)
        if valid is None:
            valid = jnp.ones(frames.shape[:2], bool)
        x = jnp.where(valid[..., None], x, 0)
        position = nn.Conv(
            config.width,
            (config.position_kernel,),
            padding="SAME",
            feature_group_count=config.width,
            name="position",
        )(x)
        x = x + nn.gelu(position, approximate=True)
        attend = valid[:, None, :]
        for i in range(config.layers):
            x = Layer(config, name=f"layer_{i}")(x, attend)
        return nn.RMSNorm(name="norm")(x)
