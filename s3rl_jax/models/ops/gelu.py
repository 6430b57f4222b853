"""The exact GELU, x Phi(x), as PyTorch computes it."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from s3rl_jax.models.ops.backend import tuned_for_cpu


def gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x (1 + erf(x / sqrt 2)) / 2.

    `jax.nn.gelu` uses erfc, which on a CPU takes four times as long, its gradient included. The results differ by at most
    6e-7.
    """
    return _gelu_by_erf(x) if tuned_for_cpu() else jax.nn.gelu(x, approximate=False)


@jax.custom_vjp
def _gelu_by_erf(x):
    return x * _normal_cdf(x)


def _normal_cdf(x):
    return 0.5 + 0.5 * jax.lax.erf(x * math.sqrt(0.5))


def _forward(x):
    return _gelu_by_erf(x), x


def _backward(x, dy):
    return (dy * (_normal_cdf(x) + x * jnp.exp(-0.5 * jnp.square(x)) / math.sqrt(2 * math.pi)),)


_gelu_by_erf.defvjp(_forward, _backward)
