"""Training of a head alone, on cached outputs of its student: cross-entropy, as in fine-tuning."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.models.detector import KeywordModel
from s3rl_jax.tasks.finetune import class_weights_of, classification, weights_of
from s3rl_jax.tasks.task import Batch, Metrics, Params, Task, Weights

# Changes that depend on the keyword or on the window, which the cached outputs do not know.
NOT_CACHED = (
    *("augment.speed_probability", "augment.shift_seconds", "augment.speech_probability", "augment.pitch_probability"),
    *("augment.vocal_tract_probability", "spec_augment.time_masks", "spec_augment.band_masks", "quantization_aware"),
)


def train_head(config: ConfigDict, model: KeywordModel, encoder: Params) -> Task:
    """Creates the task of training a head. A batch has `hidden`, the student's outputs at the frames of windows.

    Args:
      config: the configuration, of configs/finetune.py.
      model: the detector.
      encoder: `student`, and `statistics` for a student with BatchNorm; and `head`, if training goes on from one.

    Raises:
      UserError: for a student that attends to its whole window, a change of the sound that cannot be cached, or a wrong
        number of class weights.
    """
    if not model.streaming:
        raise UserError("config.encoder=cached: expected a streaming student; this one attends to its whole window")
    for field in NOT_CACHED:
        value = config
        for name in field.split("."):
            value = value[name]
        if value:
            raise UserError(f"config.{field}={value}: expected 0 with config.encoder=cached (see --config=finetune:head)")
    class_weights = class_weights_of(config, model)

    def init(rng: Key[Array, ""], batch: Batch) -> Params:
        return model.init(rng) | encoder

    def targets(frozen: dict[str, Any], batch: Batch, rng: Key[Array, ""]) -> dict[str, Array]:
        return {"hidden": batch["hidden"].astype(jnp.float32)}

    def loss(
        params: Params, targets: dict[str, Array], batch: Batch, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics, Params]:
        logits = model.pooled_logits(params, targets["hidden"])
        total, metrics = classification(config, logits, batch["label"], weights, class_weights)
        return total, metrics, {}

    return Task(init, targets, loss, weights_of(config), {}, ("head",))
