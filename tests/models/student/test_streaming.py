"""Steps of any size give the same as one step of all audio, for every student that can be stepped."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.models.detector import KeywordModel
from s3rl_jax.models.student.registry import STATISTICS, build_student, encode, initialise
from tests.conftest import student_settings

HOP = 2560
MINUTES = 2


STUDENTS = [("toy", 8, "mean"), ("toy", 1, "attention"), ("conv_toy", 8, "max")]


@pytest.fixture(scope="module", params=STUDENTS, ids=["toy", "toy, causal", "conv_toy"])
def model(request):
    size, block, pooling = request.param
    student = build_student(student_settings(size, block=block))
    model = KeywordModel(student, classes=3, window=16_000, hop=HOP, lead=8_000, pooling=pooling)
    params = jax.jit(model.init)(jax.random.key(0))
    if STATISTICS in params:  # as after training, not the identity
        params[STATISTICS] = jax.tree.map(lambda s: s + 0.3, params[STATISTICS])
    return model, params


@pytest.fixture(scope="module")
def audio():
    """Minutes of noise that comes and goes, silence among it."""
    rng, hops = np.random.default_rng(0), MINUTES * 60 * 16_000 // HOP
    loudness = np.repeat(rng.choice([0.0, 0.003, 0.3], hops), HOP)
    return (loudness * rng.standard_normal(hops * HOP)).astype(np.float32)[None]


@pytest.fixture(scope="module")
def step(model):
    return jax.jit(model[0].step)


@pytest.fixture(scope="module")
def whole(model, step, audio):
    return step(model[1], audio, model[0].initial_state(1))[0]


def stepped(step, model, params, audio, sizes):
    state, outputs = model.initial_state(1), []
    for part in np.split(audio, np.cumsum(sizes) * HOP, axis=1):
        if part.shape[1]:
            logits, state = step(params, part, state)
            outputs.append(logits)
    return np.concatenate(outputs, axis=1)


def test_hop_by_hop_over_minutes_equals_the_whole(model, step, audio, whole):
    np.testing.assert_allclose(stepped(step, *model, audio, [1] * (audio.shape[1] // HOP)), whole, atol=1e-5)


@settings(max_examples=5, deadline=None)
@given(st.permutations([1, 1, 1, 2, 2, 5, 5, 7]))
def test_any_chunking_equals_the_whole(model, step, audio, whole, sizes):
    part = audio[:, : sum(sizes) * HOP]
    np.testing.assert_allclose(stepped(step, *model, part, sizes), whole[:, : sum(sizes)], atol=1e-5)


def test_a_clip_from_silence_is_a_stream_from_its_initial_state(model, audio):
    """A detector is trained on crops and stepped on the device."""
    model, params = model
    clip = audio[:, : model.clip]
    logits, _ = model.step(params, clip, model.initial_state(1))
    np.testing.assert_allclose(model.logits(params, clip), logits[:, -1], atol=1e-5)


def test_what_is_long_past_is_forgotten(model, step, audio):
    """A stream's score depends on the last seconds alone: it does not drift."""
    model, params = model
    other = audio[:, : 60 * HOP].copy()
    other[:, : 20 * HOP] = 0.2
    ours, theirs = (step(params, a, model.initial_state(1))[0] for a in (audio[:, : 60 * HOP], other))
    assert np.abs(ours[:, 20] - theirs[:, 20]).max() > 1e-3
    np.testing.assert_allclose(ours[:, -20:], theirs[:, -20:], atol=1e-5)


@pytest.mark.parametrize(("block", "ahead"), [(8, 7), (1, 0)])
def test_a_frame_sees_its_block_and_no_further(block, ahead):
    student = build_student(student_settings("toy", block=block))
    frames = jax.random.normal(jax.random.key(0), (1, 32, 128))
    variables = jax.jit(student.init)(jax.random.key(1), frames)
    seen = jax.jit(jax.grad(lambda f: student.apply(variables, f)[0, 8].sum()))(frames)[0]
    latest = int(np.flatnonzero(np.abs(seen).max(axis=1))[-1])
    assert latest == 8 + ahead


def test_a_block_that_does_not_fit_is_named():
    with pytest.raises(UserError, match=r"config\.student\.block=3"):
        build_student(student_settings("toy", block=3))


def test_a_stream_begins_with_silence_and_no_keyword(model):
    model, params = model
    state = model.initial_state(1)
    assert all(not np.asarray(array).any() for array in state.values())
    posteriors = jax.nn.softmax(jax.jit(model.step)(params, jnp.zeros((1, HOP)), state)[0])
    if model.pooling != "max":  # where one frame counts wholly, at once
        assert posteriors[0, 0, 0] > 0.9


def test_gradient_reaches_every_parameter(model, audio):
    model, params = model
    frames = jnp.asarray(np.random.default_rng(1).standard_normal((4, 48, 128)), jnp.float32)
    mask = jnp.zeros((4, 48), bool).at[:, 3:6].set(True)
    weights = jax.random.normal(jax.random.key(1), (4, 48, model.student.width))
    loss = lambda p: (encode(model.student, params | {"student": p}, frames, mask=mask)[0] * weights).sum()  # noqa: E731
    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(params["student"])):
        assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)


def test_batch_norm_averages_over_training_and_is_fixed_afterwards():
    student = build_student(student_settings("conv_toy"))
    params = jax.jit(initialise, static_argnums=0)(student, jax.random.key(0))
    frames = 3 + jax.random.normal(jax.random.key(1), (8, 24, 128))
    hidden, moved = jax.jit(encode, static_argnums=0)(student, params, frames)
    before, after = (p[STATISTICS]["projection_norm"]["mean"] for p in (params, moved))
    projected = frames @ params["student"]["projection"]["kernel"]
    np.testing.assert_allclose(after, 0.98 * before + 0.02 * projected.mean((0, 1)), rtol=1e-4)
    moves = jax.jit(lambda params: params | encode(student, params, frames)[1])
    for _ in range(400):
        params = moves(params)
    fixed = jax.jit(student.apply)({"params": params["student"], "batch_stats": params[STATISTICS]}, frames)
    np.testing.assert_allclose(fixed, hidden, atol=0.1)
