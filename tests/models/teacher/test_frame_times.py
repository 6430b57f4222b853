"""The time that a frame stands for, in teachers and students: an impulse shows which samples a frame is computed from.

The numbers are those of docs/teachers.md, "Frames and time".
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.audio.logmel import STACKED_CENTRE, STACKED_HOP
from s3rl_jax.models.detector import student_features
from s3rl_jax.models.teacher.registry import family_of
from s3rl_jax.models.teacher.targets import TargetSelection, Teacher, common_frame_count, skipped_frames, teacher_targets
from s3rl_jax.models.teacher.wav2vec2 import SIZES, Wav2Vec2
from s3rl_jax.models.teacher.whisper import WhisperConfig, WhisperEncoder

FRAME, SAMPLES = 6, 6400
WAV2VEC2 = dataclasses.replace(SIZES["toy"], normalise_audio=False)  # which would spread an impulse over all frames
WHISPER = WhisperConfig(bands=80, hidden_size=16, layers=1, heads=2, ffn_size=16)


def wav2vec2_frames(audio):
    """Latents: what attention and the convolution for positions see of a frame."""
    params = jax.jit(Wav2Vec2(WAV2VEC2).init)(jax.random.key(0), jnp.zeros((1, 1600)), jnp.ones((1, 4), bool))["params"]
    return Wav2Vec2(WAV2VEC2).apply({"params": params}, audio, method="latents")


def whisper_frames(audio):
    """The layers' input."""
    family, time = family_of(WHISPER), WHISPER.frame_count(SAMPLES)
    valid = jnp.ones((len(audio), time), bool)
    params = jax.jit(WhisperEncoder(WHISPER).init)(jax.random.key(0), jnp.zeros((1, 2 * time, 80)), valid[:1])["params"]
    mel = family.front_end(WHISPER, params, audio, jnp.full(len(audio), SAMPLES), time)
    return family.hidden_states(WHISPER, params, mel, valid)[0]


def middle(frames) -> float:
    """Middle of the samples at which an impulse changes frame `FRAME`, from the frame's first sample on."""
    audio = 0.1 * jax.random.normal(jax.random.key(1), (SAMPLES,))
    audio = audio.at[0].set(3.0)  # the loudest place, far from the frame: Whisper's floor follows it
    first, last = STACKED_HOP * (FRAME - 3), STACKED_HOP * (FRAME + 4)
    impulses = 0.1 * jnp.eye(SAMPLES)[first:last]
    change = jax.jit(lambda impulses: jnp.abs(frames(audio + impulses) - frames(audio[None]))[:, FRAME].max(axis=-1))
    places = first + np.flatnonzero(np.asarray(change(impulses)) > 1e-5)
    return (places[0] + places[-1]) / 2 - STACKED_HOP * FRAME


@pytest.mark.parametrize(
    ("frames", "measured", "stated"),
    [
        (student_features, 280, STACKED_CENTRE),
        (wav2vec2_frames, 199.5, WAV2VEC2.frame_centre()),
        (whisper_frames, 0, WHISPER.frame_centre()),
    ],
    ids=["student", "wav2vec2", "whisper"],
)
def test_an_impulse_tells_the_middle_of_a_frame(frames, measured, stated):
    centre = middle(frames)
    assert centre == pytest.approx(measured, abs=1)
    assert stated == pytest.approx(centre, abs=1)


@pytest.mark.parametrize(("config", "skipped", "late"), [(WAV2VEC2, 0, 80), (WHISPER, 1, -40)])
def test_targets_are_aligned_with_the_students_frames(config, skipped, late):
    assert skipped_frames(config) == skipped
    assert STACKED_CENTRE - config.frame_centre() - STACKED_HOP * skipped == pytest.approx(late, abs=1)
    assert abs(late) <= STACKED_HOP // 2


def test_whispers_targets_begin_with_its_second_frame():
    params = jax.jit(WhisperEncoder(WHISPER).init)(jax.random.key(0), jnp.zeros((1, 40, 80)), jnp.ones((1, 20), bool))["params"]
    teacher, family = Teacher(WHISPER, params), family_of(WHISPER)
    audio, length = jax.random.normal(jax.random.key(2), (2, SAMPLES)), jnp.array([SAMPLES, 4000])
    targets = teacher_targets(teacher, TargetSelection((0, 1), means=True, frames=True), audio, length)
    assert targets["hidden"].shape == (2, 2, common_frame_count(WHISPER, SAMPLES), 16)
    time = 1 + common_frame_count(WHISPER, SAMPLES)
    valid = jnp.arange(time) < 1 + common_frame_count(WHISPER, length)[:, None]
    mel = family.front_end(WHISPER, params, audio, length, time)
    states = jnp.stack(family.hidden_states(WHISPER, params, mel, valid), axis=1)
    np.testing.assert_allclose(targets["hidden"], states[:, :, 1:], atol=1e-5)
    counts = common_frame_count(WHISPER, length)
    for row, count in enumerate(counts.tolist()):
        np.testing.assert_allclose(targets["means"][row], states[row, :, 1 : 1 + count].mean(axis=1), atol=1e-5)
