"""What a frozen teacher says of a batch: the targets of distillation, and no more of the teacher than they need."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from s3rl_jax.audio.logmel import stacked_count, to_float
from s3rl_jax.audio.masking import masked_mean, valid_frames
from s3rl_jax.models.teacher.codebook import KMeansCodebook, nearest
from s3rl_jax.models.teacher.wav2vec2 import Wav2Vec2, Wav2Vec2Config, normalise


class Teacher(NamedTuple):
    """A frozen model and its codebook: `codebook` None means the model's own quantiser, if it has one."""

    config: Wav2Vec2Config
    params: Any
    codebook: KMeansCodebook | None = None

    @property
    def code_vectors(self) -> Float[Array, "groups entries part"]:
        return self.params["quantizer"]["codevectors"] if self.codebook is None else self.codebook.vectors


class TargetSelection(NamedTuple):
    """Which targets: hidden states of `layers` as time means and at each frame, and the codebook's picks."""

    layers: tuple[int, ...] = ()
    means: bool = False
    frames: bool = False
    codes: bool = False


def common_frame_count(config: Wav2Vec2Config, samples: Int[Array, "*batch"] | int):
    """20 ms frames that teacher and student both have of that many samples. Works on integers and on arrays."""
    theirs, ours = config.frame_count(samples), stacked_count(samples)
    return min(theirs, ours) if isinstance(samples, int) else jnp.minimum(theirs, ours)


def teacher_targets(
    teacher: Teacher, wanted: TargetSelection, audio: Float[Array, "batch samples"], length: Int[Array, "batch"]
) -> dict[str, Array]:
    """Runs the teacher on clean audio, in the dtype of its parameters.

    Under jit, layers above the highest wanted one, and the transformer where the quantiser alone is wanted, are not
    computed: nothing depends on them.

    Returns:
      `means` [batch, layers, dim] and `hidden` [batch, layers, time, dim] in float32, `index` [batch, time, groups], as
      wanted; time is `common_frame_count` of the batch's length.
    """
    config, model, variables = teacher.config, Wav2Vec2(teacher.config), {"params": teacher.params}
    time = common_frame_count(config, audio.shape[1])
    valid = valid_frames(common_frame_count(config, length), time)
    if config.normalise_audio:
        audio = normalise(audio, valid_frames(length, audio.shape[1]))
    # A layer computes in the wider of what its input and its parameters are.
    audio = audio.astype(teacher.params["feature_projection"]["kernel"].dtype)
    latents = model.apply(variables, audio, method="latents")[:, :time]
    own_codes = wanted.codes and teacher.codebook is None
    said = {}
    if own_codes:
        said["index"] = model.apply(variables, latents, method="codes")[2].astype(jnp.int32)
    if wanted.layers or (wanted.codes and not own_codes):
        every = [h.astype(jnp.float32) for h in model.apply(variables, latents, valid, method="hidden")]
        hidden = [every[layer] for layer in wanted.layers]
        if wanted.means:
            said["means"] = jnp.stack([masked_mean(h, valid) for h in hidden], axis=1)
        if wanted.frames:
            said["hidden"] = jnp.stack(hidden, axis=1)
        if wanted.codes and not own_codes:
            said["index"] = nearest(every[teacher.codebook.layer], teacher.codebook.centroids)
    return jax.lax.stop_gradient(said)


def targets_function(teacher: Teacher, wanted: TargetSelection):
    """`hear` of int16 audio as a function of (params, audio, length), to be compiled: parameters are no constants of it."""
    return lambda params, audio, length: teacher_targets(teacher._replace(params=params), wanted, to_float(audio), length)
