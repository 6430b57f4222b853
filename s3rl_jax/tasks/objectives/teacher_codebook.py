"""Contrastive prediction of the teacher's code vectors at masked frames (arXiv 2307.02720, section 3.3)."""

import dataclasses
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.losses.codebook import teacher_codebook
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.teacher.codebook import look_up
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.objectives.comparison import parameter_key
from s3rl_jax.tasks.objectives.objective import Objective, StudentPass, Targets
from s3rl_jax.tasks.task import Metrics, Params, Weights


@dataclasses.dataclass(frozen=True)
class TeacherCodebook(Objective):
    """L_code: at masked frames, the student's projection is compared with the teacher's code vector and distractors.

    Its weight is the paper's gamma.
    """

    name = "gamma"
    masked = True
    uses_codes = True
    metric_names = frozenset(("codebook", "codebook_accuracy"))

    projection: nn.Module
    distractors: int
    kappa: float

    @classmethod
    def of(cls, config: ConfigDict, teacher: Teacher) -> "TeacherCodebook":
        groups, _, part = teacher.code_vectors.shape
        return cls(Dense(groups * part), config.distractors, config.kappa)

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        return {"code_projection": self.projection.init(parameter_key(rng, 2), hidden)["params"]}

    def frozen(self, teacher: Teacher) -> dict[str, Any]:
        return {"code_vectors": teacher.code_vectors}

    def targets(self, frozen: dict[str, Any], audio: Float[Array, "batch samples"], time: int, outputs: Targets) -> Targets:
        return {"codes": look_up(frozen["code_vectors"], outputs["index"])}

    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        predicted = self.projection.apply({"params": params["code_projection"]}, student.hidden)
        loss, accuracy = teacher_codebook(rng, predicted, targets["codes"], student.mask, self.distractors, self.kappa)
        return loss, {"codebook": loss, "codebook_accuracy": accuracy}
