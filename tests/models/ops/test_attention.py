import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from s3rl_jax.models.ops.attention import scaled_dot_product
from s3rl_jax.models.ops.gelu import gelu


@pytest.mark.parametrize("with_bias", [False, True])
def test_attention_and_its_gradient_equal_pytorch(rng, with_bias):
    query, key, value = jnp.asarray(rng.standard_normal((3, 2, 7, 3, 4)), jnp.float32)
    bias = jnp.asarray(rng.standard_normal((2, 3, 7, 7)), jnp.float32) if with_bias else None
    attend = jnp.arange(7) < jnp.array([[7], [4]])
    ours, pull = jax.vjp(lambda *qkv: scaled_dot_product(*qkv, attend[:, None], bias), query, key, value)
    mask = np.where(attend[:, None, None], 0.0, -np.inf).astype(np.float32) + (np.asarray(bias) if with_bias else 0)
    theirs_in = [torch.tensor(np.asarray(x), requires_grad=True) for x in (query, key, value)]
    theirs = torch.nn.functional.scaled_dot_product_attention(
        *(x.transpose(1, 2) for x in theirs_in), attn_mask=torch.tensor(np.broadcast_to(mask, (2, 3, 7, 7)).copy())
    ).transpose(1, 2)
    np.testing.assert_allclose(ours, theirs.detach(), atol=1e-5)
    dy = rng.standard_normal(theirs.shape).astype(np.float32)
    theirs.backward(torch.tensor(dy))
    for mine, reference in zip(pull(dy), theirs_in, strict=True):
        np.testing.assert_allclose(mine, reference.grad, atol=1e-5)


def test_gelu_and_its_gradient_equal_pytorch():
    x = np.linspace(-9, 9, 2001, dtype=np.float32)
    theirs = torch.tensor(x, requires_grad=True)
    torch.nn.functional.gelu(theirs).sum().backward()
    np.testing.assert_allclose(gelu(jnp.asarray(x)), torch.nn.functional.gelu(torch.tensor(x)), atol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda x: gelu(x).sum())(jnp.asarray(x)), theirs.grad, atol=1e-6)
