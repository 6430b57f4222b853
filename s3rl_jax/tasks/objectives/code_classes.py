"""The teacher's codebook, by classes: at masked frames the student names the teacher's code (HuBERT, arXiv 2106.07447)."""

from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.losses.codebook import code_classes
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.objectives.objective import Objective, StudentPass, Targets, parameter_key
from s3rl_jax.tasks.task import Metrics, Params, Weights


class CodeClasses(Objective):
    """Cross-entropy over the entries of each group of the codebook."""

    name = "code_classes"
    masked = True
    uses_codes = True
    metric_names = frozenset(("code_classes", "class_accuracy"))

    def __init__(self, config: ConfigDict, teacher: Teacher, layers: tuple[int, ...]):
        self.groups, self.entries, _ = teacher.code_vectors.shape
        self.logits = Dense(self.groups * self.entries)

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        return {"code_logits": self.logits.init(parameter_key(rng, 3), hidden)["params"]}

    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        logits = self.logits.apply({"params": params["code_logits"]}, student.hidden)
        logits = logits.reshape(*logits.shape[:2], self.groups, self.entries)
        loss, accuracy = code_classes(logits, targets["index"], student.mask)
        return loss, {"code_classes": loss, "class_accuracy": accuracy}
