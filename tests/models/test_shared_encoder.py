"""Several heads over one student give what each gives alone, whatever their windows and their numbers of keywords."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.models.detector import KeywordModel
from s3rl_jax.models.head import Head
from s3rl_jax.models.shared_encoder import share_encoder
from s3rl_jax.models.student.registry import build_student, initialise
from tests.conftest import student_settings

HEADS = [(2, 16_000), (4, 16_000), (2, 24_000)]  # classes and window of each


@pytest.fixture(scope="module")
def heads():
    student = build_student(student_settings("conv_toy"))
    encoder = initialise(student, jax.random.key(0))
    models = [KeywordModel(student, classes, window, hop=2560, lead=8000) for classes, window in HEADS]
    params = [
        encoder | {"head": Head(model.classes).init(jax.random.key(i), jnp.zeros((1, student.width)))["params"]}
        for i, model in enumerate(models)
    ]
    return models, params


def keyword_posteriors(models, logits):
    return np.concatenate([model.posteriors(each)[:, 1:] for model, each in zip(models, logits, strict=True)], axis=1)


def test_the_posteriors_of_a_stream_are_those_of_each_head(heads, rng):
    models, params = heads
    shared, shared_params = share_encoder(models, params)
    audio = 0.1 * rng.standard_normal((1, 20 * 2560)).astype(np.float32)

    def stepped(model, params):
        step = jax.jit(model.step)
        logits, state = step(params, audio[:, : 10 * 2560], model.initial_state(1))
        return np.concatenate([logits[0], step(params, audio[:, 10 * 2560 :], state)[0][0]])

    ours = shared.posteriors(stepped(shared, shared_params))
    alone = [stepped(model, each) for model, each in zip(models, params, strict=True)]
    np.testing.assert_allclose(ours[:, 1:], keyword_posteriors(models, alone), atol=1e-5)
    np.testing.assert_allclose(ours[:, 0], 1 - ours[:, 1:].max(axis=1), atol=1e-6)


def test_the_posteriors_of_a_clip_are_those_of_each_head(heads, rng):
    models, params = heads
    shared, shared_params = share_encoder(models, params)
    clip = 0.1 * rng.standard_normal((2, shared.clip)).astype(np.float32)
    ours = shared.posteriors(jax.jit(shared.logits)(shared_params, clip))
    # All with the lead of the longest clip, so that each has the same past before its window.
    models = [dataclasses.replace(model, lead=shared.clip - model.window) for model in models]
    alone = [jax.jit(model.logits)(each, clip) for model, each in zip(models, params, strict=True)]
    np.testing.assert_allclose(ours[:, 1:], keyword_posteriors(models, alone), atol=1e-5)


def test_certain_heads_do_not_overflow(heads):
    models, params = heads
    shared, _ = share_encoder(models, params)
    margins = np.array([[1000.0, -1000.0, 500.0, 0.0, -1000.0]], np.float32)
    np.testing.assert_allclose(shared.posteriors(margins), [[0, 1, 0, 1, 0, 0]], atol=1e-6)
