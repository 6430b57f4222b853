"""A transformer layer of a wav2vec 2.0 encoder, with WavLM's gated relative position bias as an option."""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from s3rl_jax.models.ops.attention import scaled_dot_product
from s3rl_jax.models.ops.dense import Dense, DenseGeneral
from s3rl_jax.models.ops.dropout import Dropout
from s3rl_jax.models.ops.gelu import gelu


def relative_buckets(time: int, buckets: int, distance: int) -> Int[Array, "query key"]:
    """Buckets of the distance from each query to each key (T5, arXiv 1910.10683).

    Half of the buckets are for keys before the query, half for keys after it. In each half, the first half of the buckets
    holds one distance each; the others grow logarithmically up to `distance` frames.
    """
    offset = jnp.arange(time)[None, :] - jnp.arange(time)[:, None]
    half, apart = buckets // 2, jnp.abs(offset)
    exact = half // 2
    far = jnp.log(jnp.maximum(apart, 1).astype(jnp.float32) / exact) / math.log(distance / exact) * (half - exact)
    far = jnp.minimum(exact + far.astype(jnp.int32), half - 1)
    return jnp.where(offset > 0, half, 0) + jnp.where(apart < exact, apart, far)


class RelativePositions(nn.Module):
    """A learned bias for each bucket and head. WavLM's layers share one table, which it stores in its first layer."""

    buckets: int
    distance: int
    heads: int

    @nn.compact
    def __call__(self, time: int) -> Float[Array, "heads query key"]:
        table = self.param("embedding", nn.initializers.normal(0.02), (self.buckets, self.heads))
        return table[relative_buckets(time, self.buckets, self.distance)].transpose(2, 0, 1)


class PositionGate(nn.Module):
    """The factor g of each query's position bias (WavLM, arXiv 2110.13900, section 3.1).

    g = a (b s - 1) + 2; a and b are the sigmoids of two learned projections of the query's frame, s is learned for each head.
    """

    heads: int

    @nn.compact
    def __call__(self, x: Float[Array, "batch time dim"]) -> Float[Array, "batch heads time 1"]:
        frame = x.reshape(*x.shape[:-1], self.heads, -1)
        projected = Dense(8, name="linear")(frame)
        gates = jax.nn.sigmoid(projected.reshape(*frame.shape[:-1], 2, 4).sum(-1))
        scale = self.param("scale", nn.initializers.ones, (self.heads,))
        gate = gates[..., 0] * (gates[..., 1] * scale - 1.0) + 2.0
        return gate.transpose(0, 2, 1)[..., None]


class TransformerLayer(nn.Module):
    """Self-attention and feed-forward network.

    Layer norm follows each of the two (base models), or with `pre_norm` precedes it (large models, "stable layer norm").
    """

    heads: int
    ffn_size: int
    pre_norm: bool
    norm_epsilon: float
    dropout: float

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch time dim"],
        attend: Bool[Array, "batch time"],
        positions: Float[Array, "heads time time"] | None,
        deterministic: bool,
    ) -> Float[Array, "batch time dim"]:
        drop = functools.partial(Dropout(self.dropout), deterministic=deterministic)
        attention_norm = nn.LayerNorm(epsilon=self.norm_epsilon, name="layer_norm")
        final_norm = nn.LayerNorm(epsilon=self.norm_epsilon, name="final_layer_norm")
        if self.pre_norm:
            x = x + drop(self._attention(attention_norm(x), attend, positions))
            return x + self._feed_forward(final_norm(x), drop)
        x = attention_norm(x + drop(self._attention(x, attend, positions)))
        return final_norm(x + self._feed_forward(x, drop))

    def _attention(self, x, attend, positions):
        query, key, value = (
            DenseGeneral((self.heads, x.shape[-1] // self.heads), name=name)(x) for name in ("q_proj", "k_proj", "v_proj")
        )
        bias = None if positions is None else PositionGate(self.heads, name="position_gate")(x) * positions
        y = scaled_dot_product(query, key, value, attend[:, None, :], bias)
        return DenseGeneral(x.shape[-1], axis=(-2, -1), name="out_proj")(y)

    def _feed_forward(self, x, drop):
        y = gelu(Dense(self.ffn_size, name="intermediate")(x))
        return drop(Dense(x.shape[-1], name="output")(drop(y)))
