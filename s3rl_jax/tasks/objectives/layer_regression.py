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

PLACE = 5  # of its random key


def standardised(
    hidden: Float[Array, "batch layers time dim"], valid: Bool[Array, "batch time"]
) -> Float[Array, "batch layers time dim"]:
    """Each feature of each layer with zero mean and unit spread over the valid frames of the batch.

    Layers of a teacher differ in size, and a few features of Whisper's are hundreds of times as large as the others: without
    this, they alone would be learned.
    """
    weights = valid[:, None, :, None].astype(hidden.dtype)
    count = jnp.maximum(weights.sum(), 1)
    mean = jnp.sum(hidden * weights, axis=(0, 2), keepdims=True) / count
    variance = jnp.sum(jnp.square(hidden - mean) * weights, axis=(0, 2), keepdims=True) / count
    return (hidden - mean) * jax.lax.rsqrt(variance + 1e-6)


@dataclasses.dataclass(frozen=True)
class LayerRegression(Objective):
    """Each frame comes near the teacher's, in each chosen layer. No layer can be evaded: their weights are equal.

    Attributes:
      heads: the layers' heads, side by side.
      layers: how many.
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

        def of_layer(h, o):
            return frame_regression(h, o, student.valid, weights["cosine"])

        terms = jax.vmap(of_layer, in_axes=1)(teacher, predicted)
        used = weights["layers"].astype(terms.dtype)
        loss = jnp.sum(terms * used) / jnp.sum(used)
        return loss, {self.name: loss}
