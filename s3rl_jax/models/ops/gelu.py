"""The exact GELU, x Phi(x), as PyTorch computes it."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.custom_vjp
def gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x (1 + erf(x / sqrt 2)) / 2.

    `jax.nn.gelu` goes through erfc, whose two expansions make it, with its gradient, four times as slow on a CPU; they
    differ by 6e-7 at the most.
    """
    return x * _phi(x)


def _phi(x):
    return 0.5 + 0.5 * jax.lax.erf(x * math.sqrt(0.5))


def _forward(x):
    return gelu(x), x


def _backward(x, dy):
    return (dy * (_phi(x) + x * jnp.exp(-0.5 * jnp.square(x)) / math.sqrt(2 * math.pi)),)


gelu.defvjp(_forward, _backward)
