"""Classification of the teacher's codes: the student predicts them at masked frames (HuBERT, arXiv 2106.07447)."""

import dataclasses

import flax.linen as nn
from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.losses.codebook import code_classes
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.objectives.comparison import parameter_key
from s3rl_jax.tasks.objectives.objective import Objective, StudentPass, Targets
from s3rl_jax.tasks.task import Metrics, Params, Weights


@dataclasses.dataclass(frozen=True)
class CodeClasses(Objective):
    """Cross-entropy over the entries of each group of the teacher's codebook, at masked frames."""

    name = "code_classes"
    masked = True
    uses_codes = True
    metric_names = frozenset(("code_classes", "class_accuracy"))

    groups: int
    entries: int

    @classmethod
    def of(cls, config: ConfigDict, teacher: Teacher) -> "CodeClasses":
        groups, entries, _ = teacher.code_vectors.shape
        return cls(groups, entries)

    @property
    def logits(self) -> nn.Module:
        """A linear layer from a frame to the logits of all entries of all groups."""
        return Dense(self.groups * self.entries)

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        return {"code_logits": self.logits.init(parameter_key(rng, 3), hidden)["params"]}

    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        logits = self.logits.apply({"params": params["code_logits"]}, student.hidden)
        logits = logits.reshape(*logits.shape[:2], self.groups, self.entries)
        loss, accuracy = code_classes(logits, targets["index"], student.mask)
        return loss, {"code_classes": loss, "class_accuracy": accuracy}
