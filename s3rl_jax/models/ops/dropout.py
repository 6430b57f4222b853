"""Dropout; on a CPU, it draws eight random bits for each element."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from s3rl_jax.models.ops.backend import tuned_for_cpu


class Dropout(nn.Module):
    """`nn.Dropout`. On a CPU the rate is rounded to a multiple of 1/256, and elements that are kept are scaled accordingly.

    32 random bits for each element, as in `nn.Dropout`, would take a sixth of a training step there. The rng stream is
    `dropout`.
    """

    rate: float

    @nn.compact
    def __call__(self, x: Float[Array, "*batch dim"], deterministic: bool) -> Float[Array, "*batch dim"]:
        if not tuned_for_cpu():
            return nn.Dropout(self.rate)(x, deterministic)
        kept = round(256 * (1 - self.rate))
        if deterministic or kept == 256:
            return x
        words = jax.random.bits(self.make_rng("dropout"), (*x.shape[:-1], -(-x.shape[-1] // 4)), jnp.uint32)
        draws = jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(*x.shape[:-1], -1)[..., : x.shape[-1]]
        return jnp.where(draws < kept, x * jnp.asarray(256 / kept, x.dtype), 0)
