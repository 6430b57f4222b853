"""DistilHuBERT's regression (arXiv 2110.01900), from the student's projection to the mixture of the teacher's layers."""

from jaxtyping import Array, Float, Key

from s3rl_jax.losses import regression
from s3rl_jax.tasks.objectives.objective import Objective, StudentPass, Targets
from s3rl_jax.tasks.task import Metrics, Params, Weights


class FrameRegression(Objective):
    """Distance between student and teacher at each frame."""

    name = "frame_regression"
    uses_layers = True
    uses_frames = True

    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        h, o = student.comparison.frames
        loss = regression.frame_regression(h, o, student.valid, weights["cosine"])
        return loss, {self.name: loss}


class UtteranceRegression(Objective):
    """Distance between the means over time of student and teacher."""

    name = "utterance_regression"
    uses_layers = True

    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        h, o = student.comparison.utterances
        loss = regression.utterance_regression(h, o, weights["cosine"])
        return loss, {self.name: loss}
