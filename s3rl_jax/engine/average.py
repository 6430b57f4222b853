"""A moving average of the parameters over the steps of a run (Polyak and Juditsky, 1992), which a detector then uses."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def first_average(params: Any, decay: float) -> Any:
    """The average before the first step: a copy of the parameters, of which nothing remains after it; empty if `decay` is 0."""
    return jax.tree.map(jnp.copy, params) if decay else ()


def next_average(average: Any, params: Any, step: Int[Array, ""], decay: float) -> Any:
    """The average with the parameters after one more step.

    After step t it is (1 - d) / (1 - d^t) * sum over i = 1..t of d^(t - i) params_i: Adam's correction of the bias is inside,
    so that the initial parameters, those of a random head for example, have no weight however few the steps are.

    BatchNorm's statistics, which are entries of the parameters, are averaged too. They belong to the weights of their step:
    the mean activation of a layer is linear in its weights, so that of the mean weights is the mean of the means.

    Args:
      average: the average over the steps before; `first_average` before the first.
      params: parameters after the step.
      step: number of finished steps before this one.
      decay: d, `config.optimizer.average`; 0: there is no average.
    """
    if not decay:
        return average
    weight = _weight(step, decay)
    # In this form, and not as a sum of two products, a parameter that does not change is its own average bit for bit.
    return jax.tree.map(lambda mean, value: mean + weight * (value - mean), average, params)


def _weight(step: Int[Array, ""], decay: float) -> Float[Array, ""]:
    """(1 - d) / (1 - d^t) at step t = `step` + 1. With expm1, as 1 - d^t in float32 has few digits where d is near 1."""
    later = (1 - decay) / -jnp.expm1((step + 1) * math.log(decay))
    return jnp.where(step == 0, 1.0, later)
