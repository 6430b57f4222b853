"""The state of a run between two steps."""

from typing import Any, NamedTuple

import jax
import optax
from jaxtyping import Array, Int, Integer, Key


class TrainState(NamedTuple):
    """The content of a checkpoint. Random keys follow from the seed and the step, so the state does not contain them.

    Attributes:
      step: number of finished steps.
      params: parameters and statistics of the task.
      opt_state: state of the optimiser.
      average: moving average of `params`; empty where the run keeps none.
    """

    step: Int[Array, ""]
    params: Any
    opt_state: optax.OptState
    average: Any = ()

    @property
    def result(self) -> Any:
        """The parameters that a run results in: their average where there is one, otherwise the last ones."""
        return self.average or self.params


def step_key(seed: int | Integer[Array, ""], step: int | Integer[Array, ""]) -> Key[Array, ""]:
    """The random key of one step."""
    return jax.random.fold_in(jax.random.key(seed), step)
