"""The training pass of a depthwise convolution against XLA's own, and the operator that an export gets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.models.ops.depthwise_convolution import depthwise_convolution


def plain(x, kernel, padding):
    return jax.lax.conv_general_dilated(
        x, kernel, (1,), padding, dimension_numbers=("NWC", "WIO", "NWC"), feature_group_count=kernel.shape[-1]
    )


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize(("time", "taps"), [(20, 5), (20, 4), (7, 7), (9, 1)])
def test_value_and_gradients_are_those_of_the_convolution(padding, time, taps):
    keys = jax.random.split(jax.random.key(0), 3)
    x, kernel = jax.random.normal(keys[0], (2, time, 6)), jax.random.normal(keys[1], (taps, 1, 6))
    weight = jax.random.normal(keys[2], plain(x, kernel, padding).shape)
    ours, reference = (
        jax.value_and_grad(lambda x, kernel, f=f: jnp.sum(f(x, kernel, padding) * weight), (0, 1))(x, kernel)
        for f in (depthwise_convolution, plain)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), ours, reference)


def test_without_a_gradient_it_is_one_convolution():
    x, kernel = jnp.ones((1, 9, 4)), jnp.ones((3, 1, 4))
    apply = jax.jit(lambda x, kernel: depthwise_convolution(x, kernel, "VALID"))
    assert apply.lower(x, kernel).as_text().count("stablehlo.convolution") == 1
    gradient = jax.jit(jax.grad(lambda x, kernel: depthwise_convolution(x, kernel, "VALID").sum()))
    assert "stablehlo.convolution" not in gradient.lower(x, kernel).as_text()


def test_it_computes_in_bfloat16():
    x, kernel = jnp.ones((2, 9, 4), jnp.bfloat16), jnp.ones((3, 1, 4), jnp.bfloat16)
    dx, dkernel = jax.grad(lambda x, kernel: depthwise_convolution(x, kernel, "SAME").astype(jnp.float32).sum(), (0, 1))(
        x, kernel
    )
    assert dx.dtype == dkernel.dtype == jnp.bfloat16
    np.testing.assert_array_equal(dkernel[1].astype(jnp.float32), 18.0)
