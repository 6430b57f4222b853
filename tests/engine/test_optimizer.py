"""The rates of the student and of the head, against the same optimiser without them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from s3rl_jax.engine.optimizer import optimizer

STEPS = 10
SETTINGS = {"learning_rate": 0.1, "warmup": 0.1, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.98, "clip": 1e9}


def path(rng, **settings) -> list[dict]:
    """Parameters after each step, with gradients that do not depend on them."""
    params = {"student": {"w": jnp.ones((3, 2))}, "head": {"w": jnp.ones((2, 2))}}
    gradients = [jax.tree.map(lambda p: rng.standard_normal(p.shape, np.float32), params) for _ in range(STEPS)]
    transform = optimizer(ConfigDict(SETTINGS | settings), STEPS, None)
    state, steps = transform.init(params), []
    for gradient in gradients:
        updates, state = transform.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        steps.append(params)
    return steps


@pytest.mark.parametrize(("rate", "waits"), [(0.3, 0.0), (1.0, 0.4), (0.3, 0.4)])
def test_the_student_waits_and_then_moves_by_its_rate(rate, waits):
    whole = path(np.random.default_rng(0), weight_decay=0.0)
    slower = path(np.random.default_rng(0), weight_decay=0.0, student_rate=rate, student_waits=waits)
    first = round(waits * STEPS)
    for step in range(STEPS):
        np.testing.assert_array_equal(slower[step]["head"]["w"], whole[step]["head"]["w"])
        if step < first:
            np.testing.assert_array_equal(slower[step]["student"]["w"], 1)
    before = whole[first - 1]["student"]["w"] if first else 1
    moved, expected = slower[-1]["student"]["w"] - 1, rate * (whole[-1]["student"]["w"] - before)
    np.testing.assert_allclose(moved, expected, rtol=1e-4, atol=1e-6)
