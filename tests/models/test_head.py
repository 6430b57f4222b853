"""The poolings of a head, against loops in float64."""

import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.models.head import POOLINGS, stream_logits, window_logits

CLASSES, FRAMES_A_HOP, POOLED, HOPS = 3, 4, 10, 5


def pooled(pooling: str, outputs: np.ndarray) -> np.ndarray:
    """Logits of a window: outputs float64 [frames, outputs]."""
    if pooling == "mean":
        return outputs.mean(axis=0)
    if pooling == "max":
        return np.array([0.0, *(max(frame[k] - frame[0] for frame in outputs) for k in range(1, CLASSES))])
    weights = [np.exp(3 * np.tanh(frame[-1] / 3)) for frame in outputs]
    return sum(weight * frame[:-1] for weight, frame in zip(weights, outputs, strict=True)) / sum(weights)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_logits_of_a_window_and_of_a_stream_are_those_of_the_equation(pooling, rng):
    outputs = 4 * rng.standard_normal((2, POOLED + (HOPS - 1) * FRAMES_A_HOP, CLASSES + POOLINGS[pooling].extra))
    expected = [[pooled(pooling, row[hop * FRAMES_A_HOP :][:POOLED]) for hop in range(HOPS)] for row in outputs]
    remembered = POOLINGS[pooling].remembered(jnp.float32(outputs))
    logits = stream_logits(pooling, remembered, HOPS, FRAMES_A_HOP, POOLED)
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    window = window_logits(pooling, jnp.float32(outputs[:, :POOLED]))
    np.testing.assert_allclose(window, np.array(expected)[:, 0], atol=1e-4)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_stream_that_begins_is_sure_of_no_keyword(pooling):
    silence = jnp.zeros((1, POOLED, CLASSES - (pooling == "max") + POOLINGS[pooling].extra))
    logits = np.asarray(stream_logits(pooling, silence, 1, FRAMES_A_HOP, POOLED))[0, 0]
    np.testing.assert_allclose(logits - logits[0], [0, -10, -10], atol=1e-6)
