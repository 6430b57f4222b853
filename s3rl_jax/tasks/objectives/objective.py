"""The interface of an objective of distillation, and what it reads."""

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
      hidden: its answers to the frames.
      valid: frames that have an answer and are not padding.
      mask: frames that the student could not see; None where no objective masks any.
      comparison: its output beside the teacher's layers; None where no objective compares them.
    """

    hidden: Float[Array, "batch time width"]
    valid: Bool[Array, "batch time"]
    mask: Bool[Array, "batch time"] | None
    comparison: LayerComparison | None = None


def delayed(student: StudentPass, frames: int) -> StudentPass:
    """The pass of a student that answers late: its answer to frame t is its output at t + `frames`.

    Frames whose answer would come after the end of the clip are neither valid nor masked.
    """
    if not frames:
        return student
    hidden = jnp.pad(student.hidden[:, frames:], ((0, 0), (0, frames), (0, 0)))
    valid = jnp.pad(student.valid[:, frames:], ((0, 0), (0, frames)))
    return student._replace(hidden=hidden, valid=valid, mask=None if student.mask is None else student.mask & valid)


class Objective(abc.ABC):
    """A term of the loss, weighed by `config.loss.<name>`.

    Attributes:
      name: of its weight.
      masked: whether it predicts at frames that are masked in the student's input.
      uses_layers: whether it compares the student with the teacher's layers, by `StudentPass.comparison`.
      uses_frames: whether it does so frame by frame.
      uses_codes: whether it reads the codes that the teacher picks.
      metric_names: of the metrics that only this kind of objective logs, and that mean nothing for a student without it.
    """

    name: ClassVar[str]
    masked: ClassVar[bool] = False
    uses_layers: ClassVar[bool] = False
    uses_frames: ClassVar[bool] = False
    uses_codes: ClassVar[bool] = False
    metric_names: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def of(cls, config: ConfigDict, teacher: Teacher) -> "Objective":
        """The objective with its settings.

        Args:
          config: of the distillation.
          teacher: sizes and codebook.
        """
        return cls()

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        """Fresh parameters beside the student's, by top-level name; discarded after distillation.

        Args:
          rng: of the run's initial values; see `comparison.parameter_key`.
          hidden: a frame of the student, for its width.
        """
        return {}

    def frozen(self, teacher: Teacher) -> dict[str, Any]:
        """Arrays of the teacher's that `targets` reads."""
        return {}

    def targets(self, frozen: dict[str, Any], audio: Float[Array, "batch samples"], time: int, answers: Targets) -> Targets:
        """Targets beside the teacher's answers.

        Args:
          frozen: the arrays of `frozen`.
          audio: clean, in [-1, 1].
          time: frames that teacher and student both have.
          answers: the teacher's `means`, `hidden` and `index`, as far as some objective uses them.
        """
        return {}

    @abc.abstractmethod
    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        """The objective, unweighted, and its metrics."""
