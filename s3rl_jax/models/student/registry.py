"""The students by name, and their place in a run's parameters: `student`, and `statistics` for BatchNorm."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.audio.front_end import FRONT_ENDS, LOGMEL
from s3rl_jax.core.errors import UserError, lookup
from s3rl_jax.models.ops.precision import cast
from s3rl_jax.models.student.convolutional import ConvolutionalStudent, ConvolutionalStudentConfig
from s3rl_jax.models.student.transformer import Student, StudentConfig

SIZES = {
    "toy": StudentConfig(width=16, ffn_size=32, heads=2, layers=2, position_kernel=3, context=16),  # for tests
    "tiny": StudentConfig(width=96, ffn_size=352, heads=4),  # 0.33 M parameters
    "small": StudentConfig(width=256, ffn_size=512, heads=4),  # 1.6 M
    "large": StudentConfig(width=768, ffn_size=3072, heads=12),  # 21.3 M
    "conv_toy": ConvolutionalStudentConfig(width=16, kernels=(3, 3)),  # for tests
    "conv": ConvolutionalStudentConfig(width=64, kernels=(5, 7, 7, 11, 13)),  # 0.03 M
}
STATISTICS = "statistics"  # BatchNorm's running averages, among a run's parameters


def build_student(settings: ConfigDict, field: str = "config.student") -> Student | ConvolutionalStudent:
    """Builds the student of `config.student`.

    Args:
      settings: `size`; `front_end`, the features that it takes; for a transformer `streaming`, and `block`, the frames of the
        shortest step.
      field: name of `settings`, for messages.

    Raises:
      UserError: for a size or a front end that does not exist, or a block that does not divide the context.
    """
    size, front_end = lookup(SIZES, settings.size, f"{field}.size"), front_end_of(settings)
    lookup(FRONT_ENDS, front_end, f"{field}.front_end")
    if isinstance(size, ConvolutionalStudentConfig):
        return ConvolutionalStudent(size, front_end=front_end)
    # Configurations of runs older than streaming students do not have the field.
    if not settings.get("streaming", False):
        return Student(dataclasses.replace(size, context=0), front_end)
    block = settings.get("block", size.block)
    if block < 1 or size.context % block:
        raise UserError(f"{field}.block={block}: expected a divisor of {size.context}, the frames that a layer looks back")
    return Student(dataclasses.replace(size, block=block), front_end)


def front_end_of(settings: ConfigDict) -> str:
    """The front end of `config.student`. Configurations that are older than the field are of log-mel."""
    return settings.get("front_end", LOGMEL)


def initialise(student: nn.Module, rng: Key[Array, ""]) -> dict[str, Any]:
    """Random parameters `student`, and initial `statistics` for a student with BatchNorm."""
    initial = student.init(rng, jnp.zeros((1, 16, 2 * FRONT_ENDS[student.front_end].bands)))
    statistics = {STATISTICS: initial["batch_stats"]} if "batch_stats" in initial else {}
    return {"student": initial["params"]} | statistics


def variables(params: dict[str, Any]) -> dict[str, Any]:
    """Flax variables from a run's parameters. No gradient flows into the statistics, which are running averages."""
    statistics = {"batch_stats": jax.lax.stop_gradient(params[STATISTICS])} if STATISTICS in params else {}
    return {"params": params["student"]} | statistics


def encode(
    student: nn.Module,
    params: dict[str, Any],
    frames: Float[Array, "batch time stacked"],
    valid: Bool[Array, "batch time"] | None = None,
    mask: Bool[Array, "batch time"] | None = None,
    dtype: str = "float32",
) -> tuple[Float[Array, "batch time width"], dict[str, Any]]:
    """Encodes clips for training, computed in `dtype`. The other arguments are those of `Student.__call__`.

    Returns:
      The student's output and its updated running statistics (`{}` without BatchNorm), in float32.
    """
    narrow = cast(variables(params), dtype)
    hidden, updated = student.apply(narrow, cast(frames, dtype), valid, mask, train=True, mutable=["batch_stats"])
    statistics = {STATISTICS: jax.lax.stop_gradient(cast(updated["batch_stats"], "float32"))} if updated else {}
    return cast(hidden, "float32"), statistics
