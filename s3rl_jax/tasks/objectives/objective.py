"""The interface of an objective of distillation, and its inputs."""

import abc
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.objectives.comparison import LayerComparison, Targets
from s3rl_jax.tasks.task import Metrics, Params, Weights


class StudentPass(NamedTuple):
    """One pass of the student over a batch.

    Attributes:
      hidden: the student's output for each frame of its input.
      valid: True at frames that have an output and are no padding.
      mask: True at frames that were masked in the student's input; None where no objective masks frames.
      comparison: the comparison with the teacher's layers; None where no objective needs it.
    """

    hidden: Float[Array, "batch time width"]
    valid: Bool[Array, "batch time"]
    mask: Bool[Array, "batch time"] | None
    comparison: LayerComparison | None = None


def delayed(student: StudentPass, frames: int) -> StudentPass:
    """Changes the pass of a student with a delay: its output for input frame t is the one at t + `frames`.

    Frames whose output would come after the end of the clip are neither valid nor masked.
    """
    if not frames:
        return student
    hidden = jnp.pad(student.hidden[:, frames:], ((0, 0), (0, frames), (0, 0)))
    valid = jnp.pad(student.valid[:, frames:], ((0, 0), (0, frames)))
    return student._replace(hidden=hidden, valid=valid, mask=None if student.mask is None else student.mask & valid)


class Objective(abc.ABC):
    """A term of the loss, with the weight `config.loss.<name>`.

    Attributes:
      name: name of its weight.
      masked: whether it is computed at frames that are masked in the student's input.
      uses_layers: whether it compares the student with the teacher's layers.
      uses_frames: whether it does so at each frame.
      uses_codes: whether it uses the teacher's code indices.
      metric_names: metrics of masked frames that this objective logs; they do not apply to a student without it.
    """

    name: ClassVar[str]
    masked: ClassVar[bool] = False
    uses_layers: ClassVar[bool] = False
    uses_frames: ClassVar[bool] = False
    uses_codes: ClassVar[bool] = False
    metric_names: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def of(cls, config: ConfigDict, teacher: Teacher) -> "Objective":
        """Creates the objective.

        Args:
          config: configuration of the distillation.
          teacher: the teacher and its codebook.
        """
        return cls()

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        """Initial parameters of the objective, by top-level name. Fine-tuning does not use them.

        Args:
          rng: key of the run's initial parameters; see `comparison.parameter_key`.
          hidden: a frame of the student's width.
        """
        return {}

    def frozen(self, teacher: Teacher) -> dict[str, Any]:
        """Arrays of the teacher that `targets` reads, by name."""
        return {}

    def targets(self, frozen: dict[str, Any], audio: Float[Array, "batch samples"], time: int, outputs: Targets) -> Targets:
        """Targets in addition to the teacher's outputs.

        Args:
          frozen: the arrays of `frozen` of all objectives.
          audio: clean audio in [-1, 1].
          time: number of frames that teacher and student both have.
          outputs: the teacher's `means`, `hidden` and `index`, those that some objective uses.
        """
        return {}

    @abc.abstractmethod
    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        """Computes the term, without its weight, and its metrics."""
