import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.models.student.registry import build_student
from tests.conftest import student_settings


@pytest.mark.parametrize(("size", "millions"), [("large", 21.3), ("small", 1.6), ("tiny", 0.33), ("conv", 0.033)])
def test_sizes_are_those_of_the_paper(size, millions):
    shapes = jax.eval_shape(lambda: build_student(student_settings(size)).init(jax.random.key(0), jnp.zeros((1, 10, 128))))
    count = sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
    assert count == pytest.approx(millions * 1e6, rel=0.02)


@pytest.fixture(params=[True, False], ids=["streaming", "whole clip"])
def toy(rng, request):
    model, frames = (
        build_student(student_settings("toy", request.param)),
        jnp.asarray(rng.standard_normal((2, 12, 128)), jnp.float32),
    )
    apply = jax.jit(model.apply)
    return apply, jax.jit(model.init)(jax.random.key(0), frames), frames


def test_padding_does_not_change_valid_frames(toy, rng):
    apply, variables, frames = toy
    valid = jnp.arange(12) < jnp.array([[12], [7]])
    noisy = frames.at[1, 7:].set(100.0)
    ours, other = apply(variables, frames, valid), apply(variables, noisy, valid)
    np.testing.assert_allclose(ours[1, :7], other[1, :7], atol=1e-5)
    np.testing.assert_allclose(ours[1, :7], apply(variables, frames[1:, :7])[0], atol=1e-5)


def test_a_masked_frame_is_not_seen(toy):
    apply, variables, frames = toy
    mask = jnp.zeros((2, 12), bool).at[0, 3].set(True)
    ours = apply(variables, frames, mask=mask)
    np.testing.assert_allclose(ours, apply(variables, frames.at[0, 3].set(9.0), mask=mask), atol=1e-6)
    assert not np.allclose(ours[0], apply(variables, frames)[0])


def test_gradient_reaches_every_parameter(toy):
    apply, variables, frames = toy
    mask = jnp.zeros((2, 12), bool).at[0, 3].set(True)
    weights = jax.random.normal(jax.random.key(1), (2, 12, 16))
    gradient = jax.jit(jax.grad(lambda v: (apply(v, frames, mask=mask) * weights).sum()))(variables)
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
        assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)


def test_order_of_the_frames_matters(toy):
    apply, variables, frames = toy
    forward, backward = apply(variables, frames).mean(1), apply(variables, frames[:, ::-1]).mean(1)
    assert np.abs(forward - backward).max() > 1e-3
