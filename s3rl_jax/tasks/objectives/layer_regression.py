"""Regression with a head for each of the teacher's layers (DistilHuBERT, arXiv 2110.01900, section 3.1)."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.losses.regression import frame_regression
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.objectives.comparison import parameter_key, parse_layers
from s3rl_jax.tasks.objectives.objective import Objective, StudentPass, Targets
from s3rl_jax.tasks.task import Metrics, Params, Weights

PLACE = 5  # in `parameter_key`


def standardised(
    hidden: Float[Array, "batch layers time dim"], valid: Bool[Array, "batch time"]
) -> Float[Array, "batch layers time dim"]:
    """Shifts and scales each feature of each layer to zero mean and unit variance over the valid frames of the batch.

    The layers of a teacher differ in scale, and a few features of Whisper are hundreds of times as large as the others:
    without this, the student would learn those alone.
    """
    weights = valid[:, None, :, None].astype(hidden.dtype)
    count = jnp.maximum(weights.sum(), 1)
    mean = jnp.sum(hidden * weights, axis=(0, 2), keepdims=True) / count
    variance = jnp.sum(jnp.square(hidden - mean) * weights, axis=(0, 2), keepdims=True) / count
    return (hidden - mean) * jax.lax.rsqrt(variance + 1e-6)


@dataclasses.dataclass(frozen=True)
class LayerRegression(Objective):
    """Distance between the student's prediction of each layer and the layer, at each frame; the mean over the layers.

    The layers have equal weights, so that the student cannot avoid a layer.

    Attributes:
      heads: one linear layer whose output holds the heads of all layers.
      layers: number of layers.
    """

    name = "layer_regression"
    uses_layers = True
    uses_frames = True

    heads: nn.Module
    layers: int

    @classmethod
    def of(cls, config: ConfigDict, teacher: Teacher) -> "LayerRegression":
        layers = len(parse_layers(str(config.teacher.layers), teacher.config.layers))
        return cls(Dense(layers * teacher.config.hidden_size), layers)

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        return {"layer_heads": self.heads.init(parameter_key(rng, PLACE), hidden)["params"]}

    def term(
        self, params: Params, student: StudentPass, targets: Targets, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics]:
        predicted = self.heads.apply({"params": params["layer_heads"]}, student.hidden)
        batch, time, _ = predicted.shape
        predicted = jnp.moveaxis(predicted.reshape(batch, time, self.layers, -1), 2, 1)
        teacher = standardised(targets["hidden"], student.valid)

        def layer_term(h, o):
            return frame_regression(h, o, student.valid, weights["cosine"])

        terms = jax.vmap(layer_term, in_axes=1)(teacher, predicted)
        used = weights["layers"].astype(terms.dtype)
        loss = jnp.sum(terms * used) / jnp.sum(used)
        return loss, {self.name: loss}
