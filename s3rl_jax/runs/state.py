"""The state of a run between two steps."""

from typing import Any, NamedTuple

import jax
import optax
from jaxtyping import Array, Int, Integer, Key


class TrainState(NamedTuple):
    """The content of a checkpoint. Random keys are derived from the seed and the step, so they are not part of it.

    Attributes:
      step: how many steps are done.
      params: what is trained.
      opt_state: of the optimiser.
    """

    step: Int[Array, ""]
    params: Any
    opt_state: optax.OptState


def step_key(seed: int | Integer[Array, ""], step: int | Integer[Array, ""]) -> Key[Array, ""]:
    """The random key of one step."""
    return jax.random.fold_in(jax.random.key(seed), step)
