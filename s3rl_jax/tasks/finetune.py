"""Fine-tuning: the detector is trained by cross-entropy over the keywords and everything else."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int16, Key
from ml_collections import ConfigDict

from s3rl_jax.audio.augmentation import augment, draw_speakers, perturb, pitch_waveforms, spec_augment, voice_features
from s3rl_jax.audio.logmel import stack_frames, to_float
from s3rl_jax.core.errors import UserError
from s3rl_jax.losses.classification import cross_entropy
from s3rl_jax.models.detector import KeywordModel
from s3rl_jax.models.ops.precision import compute_dtype
from s3rl_jax.tasks.task import Batch, Metrics, Params, Task, Weights, loss_weights


def finetune(
    config: ConfigDict,
    model: KeywordModel,
    initial: Params | None,
    noises: Int16[np.ndarray, "clips samples"],
    responses: Float[np.ndarray, "rooms taps"],
) -> Task:
    """Creates the task of fine-tuning: it trains the head, and the student unless `config.encoder` is frozen.

    Args:
      config: the configuration, of configs/finetune.py.
      model: the detector.
      initial: initial `student`, `statistics` or `head`, from an earlier run or a pretrained student; parameters that it
        does not contain are random. None: all are random.
      noises: clips of noise; with 0 rows, no noise is added.
      responses: impulse responses of rooms; with 0 rows, no room is applied.

    Raises:
      UserError: for an encoder mode that does not exist, or a wrong number of class weights.
    """
    if config.encoder not in ("trained", "frozen"):
        raise UserError(f"config.encoder={config.encoder!r}: expected trained or frozen")
    dtype = compute_dtype(config.get("dtype", "float32"), "config.dtype")
    class_weights = class_weights_of(config, model)

    def init(rng: Key[Array, ""], batch: Batch) -> Params:
        return model.init(rng) | (initial or {})

    def targets(frozen: dict[str, Any], batch: Batch, rng: Key[Array, ""]) -> dict[str, Array]:
        timing_rng, augment_rng, mask_rng = jax.random.split(rng, 3)
        # The word lies in the window, at the end of the clip. A change of speed keeps the middle of the window in its place.
        middle = model.clip - model.window // 2
        audio, length = perturb(timing_rng, to_float(batch["audio"]), batch["length"], config.augment, middle)
        mixable = batch["label"] == 0  # a negative with a keyword mixed into it would be labelled wrong
        noises, responses = to_float(frozen["noises"]), frozen["responses"]
        speaker = draw_speakers(jax.random.fold_in(rng, 3), len(audio), config.augment)
        audio = pitch_waveforms(speaker, audio, config.augment, middle)
        audio = augment(augment_rng, audio, length, noises, responses, config.augment, mixable)
        middle += model.silence
        features = voice_features(speaker, model.features(audio), config.augment, middle, model.front_end)
        return {"frames": stack_frames(spec_augment(mask_rng, features, **config.spec_augment))}

    def loss(
        params: Params, targets: dict[str, Array], batch: Batch, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics, Params]:
        frozen, rounded = config.encoder == "frozen", config.quantization_aware
        logits, statistics = model.train_logits(params, targets["frames"], frozen, rounded, dtype)
        total, metrics = classification(config, logits, batch["label"], weights, class_weights)
        return total, metrics, statistics

    trainable = ("head",) if config.encoder == "frozen" else None
    return Task(init, targets, loss, weights_of(config), {"noises": noises, "responses": responses}, trainable)


def class_weights_of(config: ConfigDict, model: KeywordModel) -> Float[Array, "classes"]:
    """`config.class_weights`; all 1 if it is empty.

    Raises:
      UserError: for a wrong number of weights.
    """
    class_weights = jnp.asarray(config.class_weights or (1.0,) * model.classes, jnp.float32)
    if len(class_weights) != model.classes:
        raise UserError(
            f"config.class_weights: {len(class_weights)} weights; expected {model.classes}, the first for no keyword"
        )
    return class_weights


def classification(
    config: ConfigDict,
    logits: Float[Array, "batch classes"],
    label: Int[Array, "batch"],
    weights: Weights,
    class_weights: Float[Array, "classes"],
) -> tuple[Float[Array, ""], Metrics]:
    """The weighted loss, and the accuracy over all windows and over those with a keyword."""
    hit = logits.argmax(-1) == label
    by_class = class_weights.at[0].multiply(weights["negative"]) if "negative" in weights else class_weights
    entropy = cross_entropy(logits, label, by_class, config.label_smoothing, config.get("focus", 0.0))
    total = weights["classification"] * entropy
    keyword_accuracy = jnp.sum(hit & (label > 0)) / jnp.maximum(jnp.sum(label > 0), 1)
    return total, {"accuracy": hit.mean(), "keyword_accuracy": keyword_accuracy}


def weights_of(config: ConfigDict) -> Callable[[Array], Weights]:
    """Returns a function from a step to the weights of `config.loss`, and to `negative`, the factor of the weight of "no
    keyword", which grows linearly from 1 to `config.negative_growth`; without growth there is none."""
    growth = config.get("negative_growth", 1.0)
    if growth == 1.0:
        return lambda step: loss_weights(config)
    return lambda step: loss_weights(config) | {"negative": 1 + (growth - 1) * step / config.steps}
