import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.models.ops.dropout import Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_drops_its_share_anywhere_and_keeps_the_mean(rate):
    x = jnp.ones((50, 40, 30))
    y = np.asarray(Dropout(rate).apply({}, x, False, rngs={"dropout": jax.random.key(0)}))
    assert (y == 0).mean() == pytest.approx(rate, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.02)
    for axis in ((0, 1), (0, 2), (1, 2)):  # no row, frame or channel is favoured: five standard errors
        share = (y == 0).mean(axis=axis)
        count = y.size / len(share)
        assert np.abs(share - rate).max() < 5 * np.sqrt(rate * (1 - rate) / count) + 1 / 256


def test_nothing_is_dropped_in_inference_and_the_gradient_is_the_mask():
    x = jnp.arange(6.0).reshape(2, 3) + 1
    assert (Dropout(0.5).apply({}, x, True) == x).all()
    assert (Dropout(0.0).apply({}, x, False) == x).all()
    run = lambda x: Dropout(0.5).apply({}, x, False, rngs={"dropout": jax.random.key(1)})  # noqa: E731
    np.testing.assert_allclose(jax.grad(lambda x: run(x).sum())(x), run(x) / x)
