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


def test_hop_by_hop_gives_what_training_sees(model, rng):
    model, params = model
    audio = rng.choice([0, 1e-4, 0.3], (1, model.clip)) * rng.standard_normal((1, model.clip))
    step, state = jax.jit(model.step), model.initial_state(1)
    for hop in np.split(audio.astype(np.float32), model.clip // model.hop, axis=1):
        logits, state = step(params, hop, state)
    expected = jax.jit(model.logits)(params, audio.astype(np.float32))
    np.testing.assert_allclose(logits[:, 0], expected, atol=1e-5)


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
