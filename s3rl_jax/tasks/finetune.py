"""Fine-tuning: student, mean over time, linear head, cross-entropy over keyword and everything else."""

import jax
import jax.numpy as jnp

from s3rl_jax.audio.augmentation import augment, spec_augment
from s3rl_jax.audio.logmel import log_mel, stack_frames, standardise, to_float
from s3rl_jax.errors import UserError
from s3rl_jax.losses.classification import cross_entropy
from s3rl_jax.models import student
from s3rl_jax.models.detector import Head, pool, student_features
from s3rl_jax.tasks.pretrain import lookup
from s3rl_jax.tasks.task import Task


def finetune(config, classes: int, initial_student, noises, responses) -> Task:
    """Trains the head, and the student unless `config.encoder` is frozen.

    Args:
      config: configs/finetune.py.
      classes: keywords and one.
      initial_student: parameters of a distilled (or self-supervised) student; None begins at random.
      noises: int16 [clips, samples], for augmentation.
      responses: [rooms, taps], likewise.

    Raises:
      UserError: for a student or an encoder mode that does not exist, or class weights of another number.
    """
    size = lookup(student.SIZES, config.student.size, "config.student.size")
    if config.encoder not in ("trained", "frozen"):
        raise UserError(f"config.encoder={config.encoder!r}: expected trained or frozen")
    class_weights = jnp.asarray(config.class_weights or (1.0,) * classes, jnp.float32)
    if len(class_weights) != classes:
        raise UserError(f"config.class_weights: {len(class_weights)} weights; expected {classes}, the first for no keyword")
    encoder, head = student.Student(size), Head(classes)

    def init(rng, batch):
        student_rng, head_rng = jax.random.split(rng)
        frames = student_features(to_float(batch["audio"][:1]))
        fresh = encoder.init(student_rng, frames)["params"]
        return {
            "student": fresh if initial_student is None else initial_student,
            "head": head.init(head_rng, jnp.zeros((1, size.width)))["params"],
        }

    def targets(frozen, batch, rng):
        augment_rng, mask_rng = jax.random.split(rng)
        audio = to_float(batch["audio"])
        noises, responses = to_float(frozen["noises"]), frozen["responses"]
        features = standardise(log_mel(augment(augment_rng, audio, batch["length"], noises, responses, config.augment)))
        return {"frames": stack_frames(spec_augment(mask_rng, features, **config.spec_augment))}

    def loss(params, targets, batch, rng, weights):
        hidden = encoder.apply({"params": params["student"]}, targets["frames"])
        if config.encoder == "frozen":
            hidden = jax.lax.stop_gradient(hidden)
        logits = head.apply({"params": params["head"]}, pool(hidden))
        label = batch["label"]
        hit = logits.argmax(-1) == label
        total = weights["classification"] * cross_entropy(logits, label, class_weights, config.label_smoothing)
        return total, {
            "accuracy": hit.mean(),
            "keyword_accuracy": jnp.sum(hit & (label > 0)) / jnp.maximum(jnp.sum(label > 0), 1),
        }

    def weights(step):
        return {name: jnp.float32(weight) for name, weight in config.loss.items()}

    trainable = ("head",) if config.encoder == "frozen" else None
    return Task(init, targets, loss, weights, {"noises": noises, "responses": responses}, trainable)
