import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.evaluate.scoring import stream_scorer
from s3rl_jax.models.detector import KeywordModel
from s3rl_jax.models.head import Head
from s3rl_jax.models.student.registry import build_student, initialise
from tests.conftest import student_settings

HOPS = 37


@pytest.fixture(scope="module", params=[True, False], ids=["streaming", "whole window"])
def scored(request):
    student = build_student(student_settings("toy", request.param))
    model = KeywordModel(student, classes=2, window=8000, hop=2560, lead=2560)
    head = Head(2).init(jax.random.key(1), jnp.zeros((1, student.width)))["params"]
    params = initialise(student, jax.random.key(0)) | {"head": head}
    audio = np.random.default_rng(0).integers(-9000, 9000, HOPS * 2560 + 1000).astype(np.int16)
    score = stream_scorer(model, params, hops_a_call=10, clips_a_call=10)  # several calls, the last of them not full
    return model, params, audio, score


def test_there_is_a_score_after_each_whole_hop(scored):
    _, _, audio, score = scored
    posteriors = score(audio)
    assert posteriors.shape == (HOPS, 2)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, rtol=1e-5)


def test_a_score_hears_what_came_before_it_and_nothing_else(scored):
    _, _, audio, score = scored
    changed = audio.copy()
    changed[20 * 2560 :] = 5000
    ours, theirs = score(audio), score(changed)
    np.testing.assert_allclose(ours[:20], theirs[:20], atol=1e-6)
    assert np.abs(ours[20] - theirs[20]).max() > 1e-4


def test_scores_are_those_of_the_model(scored):
    model, params, audio, score = scored
    floats = audio.astype(np.float32)[None] / 32768
    if model.streaming:
        wanted = jax.nn.softmax(model.step(params, floats[:, : HOPS * 2560], model.initial_state(1))[0])[0]
    else:
        padded = np.concatenate([np.zeros((1, model.clip), np.float32), floats], axis=1)
        ends = 2560 * np.arange(1, HOPS + 1)
        wanted = jax.nn.softmax(model.logits(params, np.concatenate([padded[:, e : e + model.clip] for e in ends])))
    np.testing.assert_allclose(score(audio), wanted, atol=1e-5)
