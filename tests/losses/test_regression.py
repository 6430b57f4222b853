import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.losses import regression as ours
from tests.losses import reference


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_equals_the_equation(rng, weight):
    h, o = rng.standard_normal((2, 4, 9, 6))
    valid = rng.random((4, 9)) < 0.7
    frames = [reference.regression(h[b, t], o[b, t], weight) for b, t in zip(*np.nonzero(valid), strict=True)]
    np.testing.assert_allclose(ours.frame_regression(h, o, jnp.array(valid), weight), np.mean(frames), rtol=1e-5)
    utterances = [reference.regression(h[b, 0], o[b, 0], weight) for b in range(4)]
    np.testing.assert_allclose(ours.utterance_regression(h[:, 0], o[:, 0], weight), np.mean(utterances), rtol=1e-5)


def test_padding_has_no_gradient(rng):
    h, o = rng.standard_normal((2, 1, 5, 3))
    valid = jnp.array([[True, True, False, True, False]])
    gradient = np.asarray(jax.grad(lambda x: ours.frame_regression(h, x, valid, 1.0))(o))
    assert np.abs(gradient[0, [0, 1, 3]]).min() > 0
    np.testing.assert_array_equal(gradient[0, [2, 4]], 0)
