"""The model of a `pretrain` config: a teacher, or a student that learns a codebook of its input."""

import dataclasses
from collections.abc import Callable

import flax.linen as nn
from ml_collections import ConfigDict

from s3rl_jax.audio.front_end import LOGMEL
from s3rl_jax.audio.logmel import Count, stacked_count
from s3rl_jax.core.errors import UserError, lookup
from s3rl_jax.models.student.convolutional import ConvolutionalStudent
from s3rl_jax.models.student.registry import build_student
from s3rl_jax.models.student.self_supervised import SelfSupervisedStudent
from s3rl_jax.models.teacher import wav2vec2


def pretraining_model(config: ConfigDict) -> tuple[nn.Module, Callable[[Count], Count]]:
    """Builds the model of a `pretrain` config.

    Returns:
      The model, and a function from a number of samples to the model's number of frames.

    Raises:
      UserError: for a model or a size that does not exist, a student that is not a transformer or has another front
        end than log-mel, or `remat` for a student.
    """
    if config.model == "teacher":
        size = lookup(wav2vec2.SIZES, config.teacher.size, "config.teacher.size")
        return wav2vec2.Wav2Vec2(dataclasses.replace(size, remat=config.get("remat", False))), size.frame_count
    if config.model == "student":
        student = build_student(config.student)
        if isinstance(student, ConvolutionalStudent):
            raise UserError(f"config.student.size={config.student.size}: expected a transformer, for example tiny")
        if student.front_end != LOGMEL:
            raise UserError(
                f"config.student.front_end={student.front_end}: expected {LOGMEL} for a student that is pre-trained"
            )
        if config.get("remat", False):
            raise UserError("config.remat=True: a student's layers are small; expected False, or config.model=teacher")
        return SelfSupervisedStudent(student.config), stacked_count
    raise UserError(f"config.model={config.model}: expected teacher or student")
