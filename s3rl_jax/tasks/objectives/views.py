"""Dual-view cross-correlation (arXiv 2307.02720, section 3.2): the feature view, the batch view, and their normalised sum."""

import abc

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from s3rl_jax.losses import cross_correlation
from s3rl_jax.tasks.objectives.objective import Objective, StudentPass, Targets
from s3rl_jax.tasks.task import Metrics, Params, Weights


class View(Objective):
    """Computes both views of a batch; a subclass makes its term of them."""

    uses_layers = True

    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        feature, batch = student.comparison.views
        logs = {"log_feature_view": jnp.log(feature), "log_batch_view": jnp.log(batch)}
        return self.choose(feature, batch), logs

    @abc.abstractmethod
    def choose(self, feature: Float[Array, ""], batch: Float[Array, ""]) -> Float[Array, ""]:
        """The term, given L_C (`feature`) and L_G (`batch`)."""


class FeatureView(View):
    """L_C: the D x D correlation of features over the batch."""

    name = "feature_view"

    def choose(self, feature: Float[Array, ""], batch: Float[Array, ""]) -> Float[Array, ""]:
        return feature


class BatchView(View):
    """L_G: the B x B correlation of utterances over the features."""

    name = "batch_view"

    def choose(self, feature: Float[Array, ""], batch: Float[Array, ""]) -> Float[Array, ""]:
        return batch


class DualView(View):
    """L_DVCC = L_C / sg(L_C) + L_G / sg(L_G)."""

    name = "dual_view"

    def choose(self, feature: Float[Array, ""], batch: Float[Array, ""]) -> Float[Array, ""]:
        return cross_correlation.dual_view(feature, batch)
