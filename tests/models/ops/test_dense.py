import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.models.ops.dense import Dense, DenseGeneral, dense_product


@pytest.mark.parametrize(
    ("ours", "flax", "shape"),
    [
        (lambda: Dense(5), lambda: nn.Dense(5), (2, 3, 4)),
        (lambda: DenseGeneral((2, 3)), lambda: nn.DenseGeneral((2, 3)), (2, 3, 4)),
        (lambda: DenseGeneral(5, axis=(-2, -1)), lambda: nn.DenseGeneral(5, axis=(-2, -1)), (2, 3, 2, 4)),
        (lambda: Dense(5), lambda: nn.Dense(5), (4,)),
    ],
)
def test_layers_equal_those_of_flax(rng, ours, flax, shape):
    x = jnp.asarray(rng.standard_normal(shape), jnp.float32)
    params = flax().init(jax.random.key(0), x)
    np.testing.assert_allclose(ours().apply(params, x), flax().apply(params, x), rtol=1e-5, atol=1e-6)


def test_another_product_is_refused():
    with pytest.raises(ValueError, match="expected last dimensions"):
        dense_product(jnp.ones((2, 3, 4)), jnp.ones((2, 4, 5)), (((2,), (1,)), ((0,), (0,))))
