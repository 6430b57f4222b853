"""A codebook of the input that the student learns, as wav2vec 2.0 does: the paper's baseline to the teacher's codebook."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.audio.front_end import FRONT_ENDS
from s3rl_jax.losses.contrastive import contrastive, diversity, sample_distractors
from s3rl_jax.models.detector import student_features
from s3rl_jax.models.student.registry import front_end_of
from s3rl_jax.models.student.self_supervised import StudentCodebook
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.objectives.comparison import parameter_key
from s3rl_jax.tasks.objectives.objective import Objective, StudentPass, Targets
from s3rl_jax.tasks.task import Metrics, Params, Weights


@dataclasses.dataclass(frozen=True)
class OwnCodebook(Objective):
    """Contrastive loss against quantised clean features, and the diversity of the quantiser."""

    name = "own_codebook"
    masked = True
    metric_names = frozenset(("own_codebook", "own_accuracy", "own_perplexity"))

    codebook: StudentCodebook
    diversity: float
    distractors: int
    kappa: float
    front_end: str

    @classmethod
    def of(cls, config: ConfigDict, teacher: Teacher) -> "OwnCodebook":
        settings = config.own_codebook
        codebook = StudentCodebook(settings.groups, settings.entries)
        return cls(codebook, settings.diversity, config.distractors, config.kappa, front_end_of(config.student))

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        frames = jnp.zeros((1, 1, 2 * FRONT_ENDS[self.front_end].bands))
        return {"own_quantizer": self.codebook.init(parameter_key(rng, 4), frames, hidden[None], None)["params"]}

    def targets(self, frozen: dict, audio: Float[Array, "batch samples"], time: int, outputs: Targets) -> Targets:
        return {"clean_frames": student_features(audio, self.front_end)[:, :time]}

    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        gumbel_rng, distractor_rng = jax.random.split(jax.random.fold_in(rng, 1))
        inputs = (targets["clean_frames"], student.hidden, weights["temperature"])
        outputs = self.codebook.apply({"params": params["own_quantizer"]}, *inputs, rngs={"gumbel": gumbel_rng})
        distractors = sample_distractors(distractor_rng, student.mask, self.distractors)
        prediction, accuracy = contrastive(outputs["context"], outputs["codes"], student.mask, distractors, self.kappa)
        diversity_loss, perplexity = diversity(outputs["probabilities"], student.mask)
        loss = prediction + self.diversity * diversity_loss
        return loss, {"own_codebook": loss, "own_accuracy": accuracy, "own_perplexity": perplexity}
