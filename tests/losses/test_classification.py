import jax
import numpy as np
import pytest
from sklearn.metrics import log_loss

from s3rl_jax.losses.classification import cross_entropy


def test_equals_scikit_learn_with_class_weights(rng):
    logits, label = rng.standard_normal((20, 3)), rng.integers(0, 3, 20)
    weights = np.array([0.5, 2.0, 1.0])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = log_loss(label, probabilities, sample_weight=weights[label], labels=[0, 1, 2])
    assert float(cross_entropy(logits, label, weights)) == pytest.approx(expected, rel=1e-5)


def test_smoothing_moves_the_optimum_away_from_certainty():
    label, weights = np.array([1]), np.ones(2)
    certain, likely = np.array([[-10.0, 10.0]]), np.array([[-1.8, 1.8]])
    assert cross_entropy(certain, label, weights) < cross_entropy(likely, label, weights)
    assert cross_entropy(certain, label, weights, 0.1) > cross_entropy(likely, label, weights, 0.1)


def test_the_focal_loss_is_that_of_the_paper(rng):
    logits, label = rng.standard_normal((20, 3)), rng.integers(0, 3, 20)
    correct = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))[np.arange(20), label]
    expected = np.mean(-((1 - correct) ** 2) * np.log(correct))
    assert float(cross_entropy(logits, label, np.ones(3), focus=2.0)) == pytest.approx(expected, rel=1e-5)
    certain = jax.grad(lambda x: cross_entropy(x, label[:1], np.ones(3), focus=0.5))(60.0 * np.eye(3)[label[:1]])
    assert np.isfinite(certain).all()
