"""What a run is, between two steps."""

from typing import Any, NamedTuple

import jax
import optax
from jaxtyping import Array, Int


class TrainState(NamedTuple):
    """All that a checkpoint holds. The random keys are derived from the seed and the step, so they need no place here."""

    step: Int[Array, ""]
    params: Any
    opt_state: optax.OptState


def step_key(seed: int, step) -> jax.Array:
    """The key of one step."""
    return jax.random.fold_in(jax.random.key(seed), step)
