import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from s3rl_jax.models.detector import KeywordModel
from s3rl_jax.models.head import Head
from s3rl_jax.models.quantization_aware import fake_quantise_activation, fake_quantise_kernel
from s3rl_jax.models.student.registry import build_student, initialise
from tests.conftest import student_settings


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.float32, (7, 5), elements=st.floats(-50, 50, width=32)))
def test_activations_are_rounded_as_pytorch_rounds_them(x):
    low, high = min(x.min(), 0.0), max(x.max(), 0.0)
    scale = max(float(high) - float(low), 1e-6) / 255
    zero = round(-float(low) / scale)
    expected = torch.fake_quantize_per_tensor_affine(torch.tensor(x), scale, zero, 0, 255).numpy()
    off = np.abs(np.asarray(fake_quantise_activation(jnp.asarray(x))) - expected) / scale
    assert (off < 1e-2).mean() > 0.9, "equal, but for values that lie half way between two levels"
    assert off.max() < 1.01


def test_kernels_are_rounded_as_pytorch_rounds_them(rng):
    kernel = rng.standard_normal((12, 8)).astype(np.float32)
    scale, zero = torch.tensor(np.abs(kernel).max(axis=0) / 127), torch.zeros(8, dtype=torch.int32)
    expected = torch.fake_quantize_per_channel_affine(torch.tensor(kernel), scale, zero, 1, -127, 127)
    np.testing.assert_allclose(fake_quantise_kernel("dense", jnp.asarray(kernel)), expected.numpy(), atol=1e-6)
    heads = kernel.reshape(12, 2, 4)
    np.testing.assert_allclose(fake_quantise_kernel("query", jnp.asarray(heads)).reshape(12, 8), expected.numpy(), atol=1e-6)


def test_the_gradient_goes_straight_through(rng):
    x = jnp.asarray(rng.standard_normal((4, 3)), jnp.float32)
    weights = jnp.asarray(rng.standard_normal((4, 3)), jnp.float32)
    np.testing.assert_allclose(jax.grad(lambda x: (weights * fake_quantise_activation(x)).sum())(x), weights)


@pytest.mark.parametrize("size", ["toy", "conv_toy"])
def test_rounded_training_is_near_the_int8_file(size):
    """Rounding in training is nearer to the int8 file than the float model is."""
    from s3rl_jax.audio.logmel import stack_frames
    from s3rl_jax.export.build import build_file
    from s3rl_jax.export.calibration import calls_for, with_silence_and_noise
    from s3rl_jax.export.file_format import FileFormat
    from s3rl_jax.export.parity import run_signature

    student = build_student(student_settings(size))
    model = KeywordModel(student, classes=2, window=16_000, hop=2560, lead=8000)
    head = Head(2).init(jax.random.key(1), jnp.zeros((1, student.width)))["params"]
    params = jax.jit(initialise, static_argnums=0)(student, jax.random.key(0)) | {"head": jax.tree.map(lambda p: 5 * p, head)}
    clips = with_silence_and_noise(0.1 * np.random.default_rng(0).standard_normal((12, model.clip)).astype(np.float32), 0)
    built = build_file(FileFormat("int8"), model, params, clips)
    answers = run_signature(built.content, built.signatures[0], calls_for(built.signatures[0], model, clips))
    file = np.log(np.concatenate([a["posteriors"] for a in answers]))
    frames = stack_frames(model.features(clips))

    def error(rounded):
        run = jax.jit(functools.partial(model.train_logits, frozen=True, rounded=rounded))
        logits, moved = run(params, frames)
        assert not moved
        return np.sqrt(np.mean((jax.nn.log_softmax(logits) - file) ** 2))

    assert error(True) < error(False)


@pytest.mark.parametrize("size", ["toy", "conv_toy"])
def test_gradient_reaches_the_kernels(size):
    student = build_student(student_settings(size))
    model = KeywordModel(student, classes=2, window=16_000, hop=2560)
    head = Head(2).init(jax.random.key(1), jnp.zeros((1, student.width)))["params"]
    params = jax.jit(initialise, static_argnums=0)(student, jax.random.key(0)) | {"head": head}
    frames = jax.random.normal(jax.random.key(2), (4, 56, 128))

    def loss(student):
        logits, _ = model.train_logits(params | {"student": student}, frames, frozen=False, rounded=True)
        return (logits * jnp.array([1.0, -1.0])).sum()

    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(params["student"])):
        if path[-1].key == "kernel":
            assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)
