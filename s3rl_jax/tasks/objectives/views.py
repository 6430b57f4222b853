"""Dual-view cross-correlation (arXiv 2307.02720, section 3.2): the feature view, the batch view, and both normalised."""

import abc

import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.losses import cross_correlation
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.objectives.objective import Objective, StudentPass, Targets
from s3rl_jax.tasks.objectives.teacher_layers import TeacherLayers
from s3rl_jax.tasks.task import Metrics, Params, Weights


class View(Objective):
    """Both views of a batch; a subclass says which of them is its term."""

    uses_layers = True

    def __init__(self, config: ConfigDict, teacher: Teacher, layers: tuple[int, ...]):
        self.layers = TeacherLayers.of(config, teacher, layers)
        self.centre = config.centre

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        return self.layers.init(rng, hidden)

    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        h, o = self.layers.utterances(params, student, targets, weights)
        if self.centre:
            h, o = cross_correlation.centre(h), cross_correlation.centre(o)
        feature = cross_correlation.feature_view(h, o, weights["alpha"])
        batch = cross_correlation.batch_view(h, o, weights["beta"])
        logs = {"log_feature_view": jnp.log(feature), "log_batch_view": jnp.log(batch)}
        return self.choose(feature, batch), logs | self.layers.metrics(params, weights)

    @abc.abstractmethod
    def choose(self, feature: Float[Array, ""], batch: Float[Array, ""]) -> Float[Array, ""]:
        """The term out of L_C and L_G."""


class FeatureView(View):
    """L_C: features are correlated over the batch, D x D."""

    name = "feature_view"

    def choose(self, feature: Float[Array, ""], batch: Float[Array, ""]) -> Float[Array, ""]:
        return feature


class BatchView(View):
    """L_G: utterances are correlated over the features, B x B."""

    name = "batch_view"

    def choose(self, feature: Float[Array, ""], batch: Float[Array, ""]) -> Float[Array, ""]:
        return batch


class DualView(View):
    """L_DVCC = L_C / sg(L_C) + L_G / sg(L_G)."""

    name = "dual_view"

    def choose(self, feature: Float[Array, ""], batch: Float[Array, ""]) -> Float[Array, ""]:
        return cross_correlation.dual_view(feature, batch)
