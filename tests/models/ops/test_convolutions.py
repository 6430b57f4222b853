"""Strided and grouped convolutions against PyTorch's, forward and backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from s3rl_jax.models.ops.grouped_convolution import grouped_convolution
from s3rl_jax.models.ops.strided_convolution import strided_convolution


@pytest.mark.parametrize(("taps", "part", "dim"), [(8, 3, 6), (7, 2, 4), (32, 4, 4)])
def test_grouped_convolution_and_its_gradients_equal_pytorch(rng, taps, part, dim):
    x, dy = rng.standard_normal((2, 2, 11, dim)).astype(np.float32)
    weight = rng.standard_normal((taps, part, dim)).astype(np.float32)
    theirs_x, theirs_w = (torch.tensor(a, requires_grad=True) for a in (x, weight.transpose(2, 1, 0).copy()))
    padded = torch.nn.functional.pad(theirs_x.transpose(1, 2), (taps // 2, taps - 1 - taps // 2))
    theirs = torch.nn.functional.conv1d(padded, theirs_w, groups=dim // part).transpose(1, 2)
    theirs.backward(torch.tensor(dy))
    ours, pull = jax.vjp(grouped_convolution, jnp.asarray(x), jnp.asarray(weight))
    dx, dw = pull(jnp.asarray(dy))
    np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-4)
    np.testing.assert_allclose(dx, theirs_x.grad.numpy(), atol=1e-4)
    np.testing.assert_allclose(dw, theirs_w.grad.numpy().transpose(2, 1, 0), atol=1e-4)


@pytest.mark.parametrize(
    ("taps", "stride", "samples"), [(10, 5, 63), (3, 2, 17), (3, 2, 18), (2, 2, 16), (2, 2, 17), (1, 3, 10)]
)
def test_strided_convolution_and_its_gradients_equal_pytorch(rng, taps, stride, samples):
    x, weight = rng.standard_normal((2, samples, 3)), rng.standard_normal((taps, 3, 4))
    theirs_x = torch.tensor(x, dtype=torch.float32, requires_grad=True)
    theirs_w = torch.tensor(weight.transpose(2, 1, 0).copy(), dtype=torch.float32, requires_grad=True)
    theirs = torch.nn.functional.conv1d(theirs_x.transpose(1, 2), theirs_w, stride=stride).transpose(1, 2)
    dy = rng.standard_normal(theirs.shape).astype(np.float32)
    theirs.backward(torch.tensor(dy))
    run = lambda x, w: strided_convolution(x, w, stride)  # noqa: E731
    ours, pull = jax.vjp(run, jnp.asarray(x, jnp.float32), jnp.asarray(weight, jnp.float32))
    dx, dw = pull(jnp.asarray(dy))
    np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(dx, theirs_x.grad.numpy(), atol=1e-5)
    np.testing.assert_allclose(dw, theirs_w.grad.numpy().transpose(2, 1, 0), atol=1e-4)
