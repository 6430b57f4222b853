"""A student of either front end: the number of its frames, and a stream in steps."""

import jax
import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.models.detector import KeywordModel, student_features
from s3rl_jax.models.student.registry import build_student
from tests.conftest import student_settings


@pytest.fixture(scope="module")
def model():
    settings = student_settings("conv_toy")
    settings.front_end = "micro"
    model = KeywordModel(build_student(settings), classes=2, window=9600, hop=2560, lead=5760)
    return model, model.init(jax.random.key(0))


def test_hop_by_hop_equals_the_whole(model, rng):
    model, params = model
    audio = rng.choice([0, 1e-4, 0.3], (1, 6 * model.hop)) * rng.standard_normal((1, 6 * model.hop))
    audio = audio.astype(np.float32)
    step = jax.jit(model.step)
    whole, last = step(params, audio, model.initial_state(1))
    state, logits = model.initial_state(1), []
    for hop in np.split(audio, 6, axis=1):
        row, state = step(params, hop, state)
        logits.append(row)
    np.testing.assert_allclose(np.concatenate(logits, axis=1), whole, atol=1e-5)
    np.testing.assert_array_equal(state["noise"], last["noise"])
    assert model.clip == audio.shape[1]
    np.testing.assert_allclose(jax.jit(model.logits)(params, audio), whole[:, -1], atol=1e-5)


@pytest.mark.parametrize("samples", [400, 5759, 5760, 12_345])
def test_a_clip_has_as_many_frames_as_of_log_mel(samples):
    audio = jax.ShapeDtypeStruct((2, samples), np.float32)
    log_mel, micro = (jax.eval_shape(lambda a, name=name: student_features(a, name), audio) for name in ("logmel", "micro"))
    assert log_mel.shape == (2, (samples - 400) // 160 + 1 >> 1, 128)
    assert micro.shape == (*log_mel.shape[:2], 80)


def test_a_front_end_that_does_not_exist_is_named():
    settings = student_settings("conv_toy")
    settings.front_end = "mfcc"
    with pytest.raises(UserError, match=r"config\.student\.front_end='mfcc': expected one of logmel, micro"):
        build_student(settings)
