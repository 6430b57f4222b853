"""Pre-training as wav2vec 2.0 does it: a teacher of one's own, or the student itself."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from s3rl_jax.audio.logmel import stacked_count, to_float
from s3rl_jax.audio.masking import span_mask, valid_frames
from s3rl_jax.errors import UserError
from s3rl_jax.losses.contrastive import contrastive, diversity, feature_penalty, sample_distractors
from s3rl_jax.models import student, wav2vec2
from s3rl_jax.models.self_supervised import SelfSupervisedStudent
from s3rl_jax.tasks.task import Task


def pretraining_model(config) -> tuple[nn.Module, callable]:
    """The model of a `pretrain` config, and the function from samples to its frames.

    Raises:
      UserError: for a model or a size that does not exist.
    """
    if config.model == "teacher":
        size = lookup(wav2vec2.SIZES, config.teacher.size, "config.teacher.size")
        return wav2vec2.Wav2Vec2(size), size.frame_count
    if config.model == "student":
        size = lookup(student.SIZES, config.student.size, "config.student.size")
        return SelfSupervisedStudent(size), stacked_count
    raise UserError(f"config.model={config.model}: expected teacher or student")


def lookup(table: dict, name: str, field: str):
    """The entry of a table that a config field names."""
    if name not in table:
        raise UserError(f"{field}={name!r}: expected one of {', '.join(table)}")
    return table[name]


def pretrain(config) -> Task:
    """L = contrastive + w_d diversity + w_f feature penalty (wav2vec 2.0, sections 3.2 and 4.2).

    Args:
      config: configs/pretrain.py.
    """
    model, frames = pretraining_model(config)

    def init(rng, batch):
        audio, valid = _inputs(batch)
        return model.init(rng, audio, valid)["params"]

    def targets(frozen, batch, rng):
        audio, valid = _inputs(batch)
        return {"audio": audio, "valid": valid, "mask": span_mask(rng, valid, config.mask.probability, config.mask.span)}

    def loss(params, targets, batch, rng, weights):
        gumbel_rng, dropout_rng, distractor_rng = jax.random.split(rng, 3)
        said = model.apply(
            {"params": params},
            targets["audio"],
            targets["valid"],
            targets["mask"],
            weights["temperature"],
            deterministic=False,
            rngs={"gumbel": gumbel_rng, "dropout": dropout_rng},
        )
        mask = targets["mask"]
        distractors = sample_distractors(distractor_rng, mask, config.distractors)
        picked, accuracy = contrastive(said["context"], said["codes"], mask, distractors, config.kappa)
        uneven, perplexity = diversity(said["probabilities"], mask)
        penalty = feature_penalty(said["latents"], targets["valid"])
        total = weights["contrastive"] * picked + weights["diversity"] * uneven + weights["feature_penalty"] * penalty
        return total, {
            "contrastive": picked,
            "accuracy": accuracy,
            "codebook_perplexity": perplexity,
            "feature_penalty": penalty,
            "temperature": weights["temperature"],
        }

    def weights(step):
        start, end, decay = config.gumbel.start, config.gumbel.end, config.gumbel.decay
        named = {name: jnp.float32(weight) for name, weight in config.loss.items()}
        return named | {"temperature": jnp.maximum(start * decay ** step.astype(jnp.float32), end)}

    def _inputs(batch):
        audio, length = to_float(batch["audio"]), batch["length"]
        if config.model == "teacher":
            audio = wav2vec2.normalise(audio, valid_frames(length, audio.shape[1]))
        return audio, valid_frames(frames(length), frames(audio.shape[1]))

    return Task(init, targets, loss, weights, frozen={})
