import jax
import numpy as np
import pytest

from s3rl_jax.losses import cross_correlation as ours
from tests.losses import reference


@pytest.fixture
def views(rng):
    return rng.standard_normal((7, 5)) + 0.5, rng.standard_normal((7, 5)) - 0.2


@pytest.mark.parametrize("weight", [0.0, 5e-3, 1.0])
def test_equals_the_equations(views, weight):
    np.testing.assert_allclose(ours.feature_view(*views, weight), reference.feature_view(*views, weight), rtol=1e-5)
    np.testing.assert_allclose(ours.batch_view(*views, weight), reference.batch_view(*views, weight), rtol=1e-5)


def test_centring_removes_the_batch_mean(views):
    np.testing.assert_allclose(ours.centre(views[0]), views[0] - views[0].mean(axis=0), atol=1e-6)


def test_a_perfect_student_leaves_only_the_teachers_own_correlation(views):
    teacher, _ = views
    np.testing.assert_allclose(ours.batch_view(teacher, 3 * teacher, 0.0), 0, atol=1e-9)
    np.testing.assert_allclose(ours.feature_view(teacher, 3 * teacher, 0.0), 0, atol=1e-9)


def test_dual_view_is_two_and_pulls_as_the_logarithms_do(views):
    teacher, student = views

    def dual(o):
        return ours.dual_view(ours.feature_view(teacher, o, 5e-3), ours.batch_view(teacher, o, 5e-3))

    def logarithms(o):
        return jax.numpy.log(ours.feature_view(teacher, o, 5e-3)) + jax.numpy.log(ours.batch_view(teacher, o, 5e-3))

    np.testing.assert_allclose(dual(student), 2.0, rtol=1e-6)
    gradient = jax.grad(dual)(student.astype(np.float32))
    np.testing.assert_allclose(gradient, jax.grad(logarithms)(student.astype(np.float32)), rtol=1e-4, atol=1e-6)
    assert np.abs(gradient).max() > 0


def test_zeros_give_no_nan(views):
    gradient = jax.grad(lambda o: ours.feature_view(views[0], o, 5e-3) + ours.batch_view(views[0], o, 5e-3))(
        np.zeros((7, 5), np.float32)
    )
    assert np.isfinite(gradient).all()
