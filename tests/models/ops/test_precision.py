"""Models compute in bfloat16 and keep float32; layers that are computed again have the same gradient."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.models.ops.precision import compute_dtype
from s3rl_jax.models.student.registry import build_student, encode, initialise
from s3rl_jax.models.teacher.wav2vec2 import SIZES, Wav2Vec2
from tests.conftest import student_settings


@pytest.mark.parametrize("size", ["toy", "conv_toy"])
def test_a_student_computes_in_bfloat16_and_keeps_float32(size):
    student = build_student(student_settings(size))
    params = jax.jit(initialise, static_argnums=0)(student, jax.random.key(0))
    frames = jax.random.normal(jax.random.key(1), (2, 24, 128))

    def loss(params, dtype):
        hidden, statistics = encode(student, params, frames, dtype=dtype)
        return jnp.mean(jnp.square(hidden)), (hidden, statistics)

    ((_, full), gradient), ((_, half), coarse) = (
        jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=1)(params, dtype) for dtype in ("float32", "bfloat16")
    )
    assert {leaf.dtype for leaf in jax.tree.leaves((half, coarse))} == {jnp.dtype("float32")}
    assert not np.array_equal(full[0], half[0]), "it is computed in something else"
    np.testing.assert_allclose(half[0], full[0], atol=0.1)
    norms = [np.sqrt(sum(float(jnp.sum(jnp.square(g))) for g in jax.tree.leaves(tree))) for tree in (gradient, coarse)]
    assert norms[1] == pytest.approx(norms[0], rel=0.1)
    program = jax.jit(loss, static_argnums=1).lower(params, "bfloat16").as_text().splitlines()
    assert any("bf16" in line for line in program if "dot_general" in line or "convolution" in line)


def test_another_dtype_is_named():
    with pytest.raises(UserError, match=r"config\.dtype='float16'"):
        compute_dtype("float16", "config.dtype")


def test_remat_computes_the_layers_again_for_the_same_gradient():
    audio = jax.random.normal(jax.random.key(0), (2, 4_000))
    size = dataclasses.replace(SIZES["toy"], layers=2, dropout=0.1)
    valid, rngs = jnp.ones((2, size.frame_count(4_000)), bool), {"dropout": jax.random.key(3), "gumbel": jax.random.key(4)}
    params = jax.jit(Wav2Vec2(size).init)(jax.random.key(1), audio, valid)["params"]
    gradients, products = [], []
    for remat in (False, True):
        model = Wav2Vec2(dataclasses.replace(size, remat=remat))

        def loss(params, model=model):
            outputs = model.apply({"params": params}, audio, valid, None, None, False, rngs=rngs)
            return jnp.mean(jnp.square(outputs["context"]))

        compiled = jax.jit(jax.grad(loss)).lower(params).compile()
        gradients.append(compiled(params))
        text = compiled.as_text()
        products.append(text.count(" dot("))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6), *gradients)
    assert products[1] > products[0]
