"""DistilHuBERT's regression (arXiv 2110.01900): the student's projection comes near the teacher's mixed layers."""

import abc

from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.losses import regression
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.objectives.objective import Objective, StudentPass, Targets
from s3rl_jax.tasks.objectives.teacher_layers import TeacherLayers
from s3rl_jax.tasks.task import Metrics, Params, Weights


class Regression(Objective):
    """What both regressions share: the mixture of layers and the projection."""

    uses_layers = True

    def __init__(self, config: ConfigDict, teacher: Teacher, layers: tuple[int, ...]):
        self.layers = TeacherLayers.of(config, teacher, layers)

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        return self.layers.init(rng, hidden)

    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        loss = self.regress(params, student, targets, weights)
        return loss, {self.name: loss} | self.layers.metrics(params, weights)

    @abc.abstractmethod
    def regress(self, params: Params, student: StudentPass, targets: Targets, weights: Weights) -> Float[Array, ""]:
        """The regression's loss."""


class FrameRegression(Regression):
    """Each frame meets the teacher's."""

    name = "frame_regression"
    uses_frames = True

    def regress(self, params: Params, student: StudentPass, targets: Targets, weights: Weights) -> Float[Array, ""]:
        h, o = self.layers.frames(params, student, targets, weights)
        return regression.frame_regression(h, o, student.valid, weights["cosine"])


class UtteranceRegression(Regression):
    """The mean over time meets the teacher's."""

    name = "utterance_regression"

    def regress(self, params: Params, student: StudentPass, targets: Targets, weights: Weights) -> Float[Array, ""]:
        h, o = self.layers.utterances(params, student, targets, weights)
        return regression.utterance_regression(h, o, weights["cosine"])
