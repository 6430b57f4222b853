"""Each operation computes the same in its form for CPUs and in that for accelerators, with its gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.models.ops.attention import block_attention, cudnn_applies, scaled_dot_product
from s3rl_jax.models.ops.backend import cpu_forms, tuned_for_cpu
from s3rl_jax.models.ops.dense import Dense, DenseGeneral
from s3rl_jax.models.ops.depthwise_convolution import depthwise_convolution
from s3rl_jax.models.ops.dropout import Dropout
from s3rl_jax.models.ops.gelu import gelu
from s3rl_jax.models.ops.grouped_convolution import grouped_convolution
from s3rl_jax.models.ops.strided_convolution import strided_convolution
from s3rl_jax.models.student.registry import build_student, encode, initialise
from s3rl_jax.models.teacher.wav2vec2 import SIZES, Wav2Vec2
from tests.conftest import student_settings


def heads(time):
    return (2, time, 3, 4)


ATTEND = np.arange(8) < np.array([[8], [5]])
# function of arrays, and their shapes
OPERATIONS = {
    "gelu": (gelu, [(3, 7)]),
    "dense": (lambda x, w: Dense(6).apply({"params": {"kernel": w, "bias": jnp.ones(6)}}, x), [(2, 5, 4), (4, 6)]),
    "heads": (lambda x, w: DenseGeneral((3, 4), use_bias=False).apply({"params": {"kernel": w}}, x), [(2, 5, 4), (4, 3, 4)]),
    "attention": (lambda q, k, v: scaled_dot_product(q, k, v, None), [heads(8)] * 3),
    "masked attention": (lambda q, k, v: scaled_dot_product(q, k, v, jnp.asarray(ATTEND)[:, None]), [heads(8)] * 3),
    "biased attention": (
        lambda q, k, v, b: scaled_dot_product(q, k, v, jnp.asarray(ATTEND)[:, None], b),
        [*[heads(8)] * 3, (2, 3, 8, 8)],
    ),
    "block attention": (lambda q, k, v: block_attention(q, k, v, 4, None), [heads(8), heads(12), heads(12)]),
    "depthwise": (lambda x, w: depthwise_convolution(x, w, "SAME"), [(2, 9, 5), (4, 1, 5)]),
    "strided": (lambda x, w: strided_convolution(x, w, 2), [(2, 17, 3), (3, 3, 4)]),
    "grouped": (grouped_convolution, [(2, 11, 6), (8, 3, 6)]),
}


def both_forms(function, *arguments):
    """Results of a function in its form for CPUs and in the other one; compiled anew, as a form is chosen by tracing."""
    results = []
    for for_cpu in (True, False):
        with cpu_forms(for_cpu):
            results.append(jax.jit(lambda *arguments: function(*arguments))(*arguments))
    return results


@pytest.mark.parametrize("name", OPERATIONS)
def test_both_forms_and_their_gradients_are_equal(rng, name):
    function, shapes = OPERATIONS[name]
    arrays = [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]
    weight = jnp.asarray(rng.standard_normal(jax.eval_shape(function, *arrays).shape), jnp.float32)

    def value_and_gradients(*arrays):
        value, pull = jax.vjp(function, *arrays)
        return value, pull(weight)

    tuned, library = both_forms(value_and_gradients, *arrays)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), tuned, library)


def test_the_forms_differ():
    with cpu_forms(True):
        for_cpu = jax.jit(lambda x: gelu(x)).lower(jnp.ones(3)).as_text()
    with cpu_forms(False):
        library = jax.jit(lambda x: gelu(x)).lower(jnp.ones(3)).as_text()
    assert for_cpu != library


def test_the_backend_decides_and_a_context_overrides_it():
    assert tuned_for_cpu() == (jax.default_backend() == "cpu")
    with cpu_forms(False):
        assert not tuned_for_cpu()
        with cpu_forms():
            assert tuned_for_cpu()
        assert not tuned_for_cpu()


@pytest.mark.parametrize("size", ["toy", "conv_toy"])
def test_a_student_is_the_same_with_either_form(size):
    student = build_student(student_settings(size))
    params, frames = initialise(student, jax.random.key(0)), jax.random.normal(jax.random.key(1), (2, 24, 128))
    loss = lambda params: jnp.mean(jnp.square(encode(student, params, frames)[0]))  # noqa: E731
    tuned, library = both_forms(jax.value_and_grad(loss), params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), tuned, library)


def test_a_teacher_has_the_same_parameters_and_output_with_either_form():
    model, audio, valid = Wav2Vec2(SIZES["toy"]), jax.random.normal(jax.random.key(0), (2, 1600)), jnp.ones((2, 4), bool)
    tuned, library = both_forms(lambda: model.init(jax.random.key(1), audio, valid))
    jax.tree.map(np.testing.assert_array_equal, tuned, library)
    tuned, library = both_forms(lambda: model.apply(tuned, audio, valid)["hidden"][-1])
    np.testing.assert_allclose(tuned, library, rtol=1e-4, atol=1e-5)


def test_dropout_of_an_accelerator_drops_its_share_and_keeps_the_mean():
    x = jnp.ones((50, 40, 30))
    with cpu_forms(False):
        y = np.asarray(Dropout(0.1).apply({}, x, False, rngs={"dropout": jax.random.key(0)}))
        assert (Dropout(0.1).apply({}, x, True) == x).all()
    assert (y == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("applies", "changes"),
    [
        (True, {}),
        (True, {"masked": True}),
        (False, {"backend": "cpu"}),
        (False, {"dtype": jnp.dtype("float32")}),
        (False, {"query": (2, 8, 3, 12)}),
        (False, {"query": (2, 8, 3, 136)}),
        (False, {"masked": True, "key": (2, 9, 3, 64)}),
        (False, {"masked": True, "biased": True}),
    ],
)
def test_cudnn_is_taken_where_it_has_a_kernel_with_gradients(applies, changes):
    case = {"backend": "gpu", "dtype": jnp.dtype("bfloat16"), "query": (2, 8, 3, 64), "key": (2, 8, 3, 64), "masked": False}
    assert cudnn_applies(**{**case, "biased": False, **changes}) is applies
