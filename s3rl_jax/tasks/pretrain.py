"""Pre-training of a teacher, or of a student, as in wav2vec 2.0 (arXiv 2006.11477)."""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
from jaxtyping import Array, Bool, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.audio.logmel import to_float
from s3rl_jax.audio.masking import span_mask, valid_frames
from s3rl_jax.losses.contrastive import contrastive, diversity, feature_penalty, sample_distractors
from s3rl_jax.models.ops.precision import cast, compute_dtype
from s3rl_jax.models.pretraining import pretraining_model
from s3rl_jax.models.teacher import wav2vec2
from s3rl_jax.tasks.task import Batch, Metrics, Params, Task, Weights, gumbel_temperature, loss_weights


def pretrain(config: ConfigDict) -> Task:
    """Creates the task of pre-training: L = contrastive + w_d diversity + w_f feature penalty.

    See wav2vec 2.0, sections 3.2 and 4.2. With `config.dtype` bfloat16, the model computes in bfloat16; parameters and losses
    stay in float32.

    Args:
      config: the configuration, of configs/pretrain.py.

    Raises:
      UserError: for a model, a size or a dtype that does not exist.
    """
    model, frames = pretraining_model(config)
    dtype = compute_dtype(config.dtype, "config.dtype")

    def inputs(batch: Batch) -> tuple[Float[Array, "batch samples"], Bool[Array, "batch time"]]:
        audio, length = to_float(batch["audio"]), batch["length"]
        if config.model == "teacher":
            audio = wav2vec2.normalise(audio, valid_frames(length, audio.shape[1]))
        return audio, valid_frames(frames(length), frames(audio.shape[1]))

    def init(rng: Key[Array, ""], batch: Batch) -> Params:
        return model.init(rng, *inputs(batch))["params"]

    def targets(frozen: Any, batch: Batch, rng: Key[Array, ""]) -> dict[str, Array]:
        audio, valid = inputs(batch)
        return {"audio": audio, "valid": valid, "mask": span_mask(rng, valid, config.mask.probability, config.mask.span)}

    def terms(
        params: Params, targets: dict[str, Array], rng: Key[Array, ""], temperature: Array | None, **options
    ) -> tuple[Metrics, Metrics]:
        """Computes the terms of the loss, by the names of their weights, and the metrics."""
        arguments = (cast(targets["audio"], dtype), targets["valid"], targets["mask"], temperature)
        outputs = cast(model.apply({"params": cast(params, dtype)}, *arguments, **options), "float32")
        mask = targets["mask"]
        distractors = sample_distractors(rng, mask, config.distractors)
        prediction, accuracy = contrastive(outputs["context"], outputs["codes"], mask, distractors, config.kappa)
        diversity_loss, perplexity = diversity(outputs["probabilities"], mask)
        penalty = feature_penalty(outputs["latents"], targets["valid"])
        metrics = {"contrastive": prediction, "accuracy": accuracy, "codebook_perplexity": perplexity}
        metrics["feature_penalty"] = penalty
        return {"contrastive": prediction, "diversity": diversity_loss, "feature_penalty": penalty}, metrics

    def loss(
        params: Params, targets: dict[str, Array], batch: Batch, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics, Params]:
        gumbel_rng, dropout_rng, distractor_rng = jax.random.split(rng, 3)
        noise = {"gumbel": gumbel_rng, "dropout": dropout_rng}
        unweighted, metrics = terms(params, targets, distractor_rng, weights["temperature"], deterministic=False, rngs=noise)
        total = sum(weights[name] * term for name, term in unweighted.items())
        return total, metrics | {"temperature": weights["temperature"]}, {}

    def measure(params: Params, targets: dict[str, Array], batch: Batch, rng: Key[Array, ""], weights: Weights) -> Metrics:
        return terms(params, targets, rng, None, deterministic=True)[1]

    def watch(metrics: dict[str, float], share: float) -> list[str]:
        return collapse_warnings(metrics, share, *_codebook_size(model), config.distractors)

    return Task(init, targets, loss, weights_of(config), frozen={}, measure=measure, watch=watch)


def weights_of(config: ConfigDict) -> Callable[[Array], Weights]:
    """Returns a function from a step to the weights of `config.loss` and the `temperature` of the Gumbel softmax."""
    return lambda step: loss_weights(config) | {"temperature": gumbel_temperature(config.gumbel, step)}


def collapse_warnings(metrics: dict[str, float], share: float, groups: int, entries: int, distractors: int) -> list[str]:
    """Warns of failures that raise no error: few entries of the codebook are in use, or the model learns nothing.

    Args:
      metrics: `codebook_perplexity` and `contrastive`.
      share: share of the steps that are done.
      groups: groups of the codebook.
      entries: entries of each group.
      distractors: number of distractors in the contrastive loss.

    Returns:
      A text for each failure.
    """
    warnings = []
    perplexity, chance = metrics["codebook_perplexity"], math.log(1 + distractors)
    if share > 0.05 and perplexity < max(1.5 * groups, 0.1 * groups * entries):
        warnings.append(
            f"the codebook is collapsing: about {perplexity:.0f} of its {groups * entries} entries are in use. Raise "
            "config.loss.diversity, or lower config.optimizer.learning_rate"
        )
    if share > 0.3 and metrics["contrastive"] > 0.99 * chance:
        warnings.append(
            f"nothing is learned: the contrastive loss {metrics['contrastive']:.2f} is that of guessing ({chance:.2f}). "
            "Shorten config.mask.span, raise config.optimizer.learning_rate, or train longer"
        )
    return warnings


def _codebook_size(model: nn.Module) -> tuple[int, int]:
    sizes = model.config if isinstance(model, wav2vec2.Wav2Vec2) else model
    return sizes.codebook_groups, sizes.codebook_entries
