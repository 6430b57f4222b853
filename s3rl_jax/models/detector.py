"""The keyword detector: student, mean over time, linear head."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from s3rl_jax.audio.logmel import log_mel, stack_frames, standardise
from s3rl_jax.audio.masking import masked_mean
from s3rl_jax.models.dense import Dense
from s3rl_jax.models.student import Student, StudentConfig


class Head(nn.Module):
    """Pooled student frames to one logit a class. Class 0 is everything that is no keyword."""

    classes: int

    @nn.compact
    def __call__(self, pooled: Float[Array, "batch width"]) -> Float[Array, "batch classes"]:
        return Dense(self.classes, name="linear")(pooled)


def pool(hidden: Float[Array, "batch time width"], valid: Bool[Array, "batch time"] | None = None):
    """Mean over the valid frames: one vector an utterance."""
    return hidden.mean(axis=1) if valid is None else masked_mean(hidden, valid)


def student_features(audio: Float[Array, "batch samples"]) -> Float[Array, "batch time stacked"]:
    """What a student reads of a waveform in [-1, 1]."""
    return stack_frames(standardise(log_mel(audio)))


def logits(
    config: StudentConfig, classes: int, params: dict[str, Any], audio: Float[Array, "batch samples"]
) -> Float[Array, "batch classes"]:
    """Waveform to logits, the whole way: what is evaluated and what is exported.

    Args:
      config: the student's sizes.
      classes: keywords and one.
      params: `student` and `head`.
      audio: windows at 16 kHz in [-1, 1].
    """
    hidden = Student(config).apply({"params": params["student"]}, student_features(audio))
    return Head(classes).apply({"params": params["head"]}, pool(hidden)).astype(jnp.float32)
