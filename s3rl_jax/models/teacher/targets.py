"""Targets of distillation: the outputs of a frozen teacher that the objectives need."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Int16, Shaped

from s3rl_jax.audio.logmel import STACKED_CENTRE, STACKED_HOP, Count, stacked_count, to_float
from s3rl_jax.audio.masking import masked_mean, valid_frames
from s3rl_jax.models.teacher.codebook import KMeansCodebook, nearest
from s3rl_jax.models.teacher.family import TeacherConfig
from s3rl_jax.models.teacher.registry import family_of


class Teacher(NamedTuple):
    """A frozen model and its codebook.

    Attributes:
      config: sizes; its class identifies the family.
      params: parameters, in the dtype in which the teacher computes.
      codebook: a k-means codebook; None: the quantiser of the model, if it has one.
    """

    config: TeacherConfig
    params: Any
    codebook: KMeansCodebook | None = None

    @property
    def code_vectors(self) -> Float[Array | np.ndarray, "groups entries part"]:
        return self.params["quantizer"]["codevectors"] if self.codebook is None else self.codebook.vectors


class TargetSelection(NamedTuple):
    """The targets that objectives need.

    Attributes:
      layers: layers whose hidden states are needed; 0 is the transformer's input.
      means: whether their means over time are needed.
      frames: whether their values at each frame are needed.
      codes: whether code indices are needed.
    """

    layers: tuple[int, ...] = ()
    means: bool = False
    frames: bool = False
    codes: bool = False


def skipped_frames(config: TeacherConfig) -> int:
    """Number of the teacher's frames before the one nearest in time to the student's first frame."""
    return round((STACKED_CENTRE - config.frame_centre()) / STACKED_HOP)


def common_frame_count(config: TeacherConfig, samples: Count) -> Count:
    """Number of 20 ms frames that both teacher and student have for `samples` samples, from the student's first frame on."""
    teacher, student = config.frame_count(samples) - skipped_frames(config), stacked_count(samples)
    return min(teacher, student) if isinstance(samples, int) else jnp.minimum(teacher, student)


def teacher_targets(
    teacher: Teacher, selection: TargetSelection, audio: Float[ArrayLike, "batch samples"], length: Int[ArrayLike, "batch"]
) -> dict[str, Array]:
    """Runs the teacher on clean audio, in the dtype of its parameters, without a gradient.

    Under jit, layers above the highest selected one are not computed, because no output depends on them. Nor is the
    transformer, where only codes of the model's quantiser are selected.

    Args:
      teacher: the teacher.
      selection: the outputs to compute.
      audio: samples in [-1, 1].
      length: valid samples of each row.

    Returns:
      The selected ones of `means` [batch, layers, dim] and `hidden` [batch, layers, time, dim] in float32, and `index`
      [batch, time, groups]. time = common_frame_count(config, samples); frame t is nearest in time to the student's frame t.
    """
    config, params, family = teacher.config, teacher.params, family_of(teacher.config)
    skipped = skipped_frames(config)
    time = skipped + common_frame_count(config, audio.shape[1])
    valid = valid_frames(skipped + common_frame_count(config, length), time)
    features = family.front_end(config, params, audio, length, time)
    targets = {}
    clustered = selection.codes and teacher.codebook is not None
    if selection.codes and not clustered:
        targets["index"] = family.code_indices(config, params, features)[:, skipped:]
    if selection.layers or clustered:
        states = [state[:, skipped:].astype(jnp.float32) for state in family.hidden_states(config, params, features, valid)]
        valid = valid[:, skipped:]
        hidden = [states[layer] for layer in selection.layers]
        if selection.means:
            targets["means"] = time_means(hidden, valid)
        if selection.frames:
            targets["hidden"] = jnp.stack(hidden, axis=1)
        if clustered:
            targets["index"] = nearest(states[teacher.codebook.layer], teacher.codebook.centroids)
    return jax.lax.stop_gradient(targets)


def time_means(
    hidden: Sequence[Float[Array, "batch time dim"]], valid: Bool[ArrayLike, "batch time"]
) -> Float[Array, "batch layers dim"]:
    """Mean over the valid frames, for each layer."""
    return jnp.stack([masked_mean(layer, valid) for layer in hidden], axis=1)


def targets_from_cache(
    selection: TargetSelection, stored: dict[str, Shaped[ArrayLike, "batch time ..."]], valid: Bool[ArrayLike, "batch time"]
) -> dict[str, Array]:
    """The result of `teacher_targets`, from the arrays in a cache: `hidden` [batch, time, layers, dim] and `index`."""
    targets = {name: stored[name] for name in stored if name == "index"}
    if selection.layers:
        hidden = [jnp.asarray(stored["hidden"][:, :, i], jnp.float32) for i in range(len(selection.layers))]
        if selection.means:
            targets["means"] = time_means(hidden, valid)
        if selection.frames:
            targets["hidden"] = jnp.stack(hidden, axis=1)
    return targets


def targets_function(
    teacher: Teacher, selection: TargetSelection
) -> Callable[[Any, Int16[Array, "batch samples"], Int[Array, "batch"]], dict[str, Array]]:
    """`teacher_targets` as a function of (params, audio, length), to be compiled.

    The parameters are an argument, so that the compiled function does not contain them as constants.
    """
    return lambda params, audio, length: teacher_targets(teacher._replace(params=params), selection, to_float(audio), length)
