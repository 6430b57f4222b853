"""The interface of an objective of distillation, and what it reads."""

import abc
from typing import Any, ClassVar, NamedTuple

import jax
from jaxtyping import Array, Bool, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.task import Metrics, Params, Weights

Targets = dict[str, Array]


class StudentPass(NamedTuple):
    """One pass of the student over a batch.

    Attributes:
      hidden: its output frames.
      valid: frames that are not padding.
      mask: frames that the student could not see; None where no objective masks any.
    """

    hidden: Float[Array, "batch time width"]
    valid: Bool[Array, "batch time"]
    mask: Bool[Array, "batch time"] | None


class Objective(abc.ABC):
    """A term of the loss, weighed by `config.loss.<name>`.

    Attributes:
      name: of its weight.
      masked: whether it predicts at frames that are masked in the student's input.
      uses_layers: whether it reads the teacher's hidden states as means over time.
      uses_frames: whether it reads them frame by frame.
      uses_codes: whether it reads the codes that the teacher picks.
      metric_names: of the metrics that only this kind of objective logs, and that mean nothing for a student without it.
    """

    name: ClassVar[str]
    masked: ClassVar[bool] = False
    uses_layers: ClassVar[bool] = False
    uses_frames: ClassVar[bool] = False
    uses_codes: ClassVar[bool] = False
    metric_names: ClassVar[frozenset[str]] = frozenset()

    @abc.abstractmethod
    def __init__(self, config: ConfigDict, teacher: Teacher, layers: tuple[int, ...]):
        """Reads its settings.

        Args:
          config: of the distillation.
          teacher: sizes and codebook.
          layers: of the teacher, whose hidden states the targets hold.
        """

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        """Fresh parameters beside the student's, by top-level name; discarded after distillation.

        Args:
          rng: of the run's initial values; see `parameter_key`.
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


def parameter_key(rng: Key[Array, ""], place: int) -> Key[Array, ""]:
    """The key of an objective's initial values.

    Args:
      rng: of the run's initial values. The student has place 0.
      place: a number that differs between objectives that have parameters. Places 1 to 3 are parts of one split, as in the
        first version, so that its runs begin with the same values still.
    """
    return jax.random.split(rng, 4)[place] if place < 4 else jax.random.fold_in(rng, place)
