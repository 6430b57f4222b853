"""Dropout that on a CPU draws eight random bits an element."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from s3rl_jax.models.ops.backend import tuned_for_cpu


class Dropout(nn.Module):
    """`nn.Dropout`; on a CPU, where 32 random bits an element take a sixth of a training step, with the rate in 1/256.

    What is kept is scaled by the rate that is used. The rng stream is `dropout`.
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
