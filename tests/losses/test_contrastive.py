import jax
import jax.numpy as jnp
import numpy as np
import pytest
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2GumbelVectorQuantizer

from s3rl_jax.losses import contrastive as ours
from s3rl_jax.losses.codebook import code_classes, teacher_codebook
from tests.losses import reference


@pytest.fixture
def frames(rng):
    predictions, targets = rng.standard_normal((2, 3, 12, 6))
    targets[0, 4] = targets[0, 7]  # the same code at two frames
    mask = rng.random((3, 12)) < 0.6
    mask[0, [4, 7]] = True
    mask[2] = False
    mask[2, 3] = True  # a single masked frame has no distractors
    return predictions, targets, mask


def test_distractors_are_other_masked_frames_of_the_utterance_drawn_evenly(frames):
    mask = frames[2]
    drawn = np.asarray(ours.sample_distractors(jax.random.key(0), jnp.array(mask), 4000))
    for b in range(2):
        masked = np.flatnonzero(mask[b])
        for t in masked:
            others = masked[masked != t]
            values, counts = np.unique(drawn[b, t], return_counts=True)
            np.testing.assert_array_equal(values, others)
            np.testing.assert_allclose(counts / 4000, 1 / len(others), atol=0.04)


def test_equals_the_equation(frames):
    predictions, targets, mask = frames
    distractors = ours.sample_distractors(jax.random.key(1), jnp.array(mask), 8)
    loss, accuracy = ours.contrastive(predictions, targets, jnp.array(mask), distractors, 0.1)
    np.testing.assert_allclose(loss, reference.contrastive(predictions, targets, mask, np.asarray(distractors), 0.1), rtol=1e-4)
    assert 0 <= float(accuracy) <= 1


def test_a_perfect_prediction_wins(frames):
    _, targets, mask = frames
    distractors = ours.sample_distractors(jax.random.key(1), jnp.array(mask), 8)
    loss, accuracy = ours.contrastive(targets, targets, jnp.array(mask), distractors, 0.01)
    assert float(accuracy) == 1.0
    assert float(loss) < 1e-3


def test_codebook_loss_is_the_contrastive_loss_of_the_teachers_codes(frames):
    predictions, codes, mask = frames
    loss, _ = teacher_codebook(jax.random.key(3), predictions, codes, jnp.array(mask), 8, 0.1)
    distractors = np.asarray(ours.sample_distractors(jax.random.key(3), jnp.array(mask), 8))
    np.testing.assert_allclose(loss, reference.contrastive(predictions, codes, mask, distractors, 0.1), rtol=1e-4)
    gradient = jax.grad(lambda p: teacher_codebook(jax.random.key(3), p, codes, jnp.array(mask), 8, 0.1)[0])(predictions)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[:2]).max() > 0


def test_diversity_and_perplexity_equal_transformers(rng):
    import torch

    probabilities = rng.dirichlet(np.ones(5), size=(3, 12, 2))
    mask = rng.random((3, 12)) < 0.5
    loss, perplexity = ours.diversity(jnp.array(probabilities), jnp.array(mask))
    theirs = Wav2Vec2GumbelVectorQuantizer._compute_perplexity(
        torch.tensor(probabilities.reshape(36, 2, 5)), torch.tensor(mask.reshape(1, 36))
    )
    np.testing.assert_allclose(perplexity, theirs.item(), rtol=1e-5)
    np.testing.assert_allclose(loss, (10 - theirs.item()) / 10, atol=1e-5)


def test_feature_penalty_is_the_mean_square_of_valid_frames(frames):
    latents, _, valid = frames
    np.testing.assert_allclose(ours.feature_penalty(latents, jnp.array(valid)), np.mean(latents[valid] ** 2), rtol=1e-5)


def test_code_classes_equal_the_loop(rng):
    logits, index, mask = rng.standard_normal((2, 7, 3, 5)), rng.integers(0, 5, (2, 7, 3)), rng.random((2, 7)) < 0.5
    loss, accuracy = code_classes(jnp.asarray(logits, jnp.float32), jnp.asarray(index), jnp.asarray(mask))
    np.testing.assert_allclose(loss, reference.code_classes(logits, index, mask), rtol=1e-5)
    np.testing.assert_allclose(accuracy, (logits.argmax(-1) == index)[mask].mean(), rtol=1e-5)
    gradient = jax.grad(lambda x: code_classes(x, jnp.asarray(index), jnp.asarray(mask))[0])(jnp.asarray(logits, jnp.float32))
    assert not np.asarray(gradient)[~mask].any(), "frames that are not masked teach nothing"
