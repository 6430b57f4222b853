"""The real tasks on one device and on more, the state whole or in parts: the same losses, the same parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

from configs import distill as distill_config
from configs import pretrain as pretrain_config
from s3rl_jax.core.errors import UserError
from s3rl_jax.engine.mesh import AXES, host_rows, make_mesh, replicated, split, stored, to_devices
from s3rl_jax.engine.optimizer import optimizer
from s3rl_jax.engine.step import make_step
from s3rl_jax.runs.state import TrainState
from s3rl_jax.tasks.distill import distill
from s3rl_jax.tasks.pretrain import pretrain
from tests.teachers.conftest import toy

DEVICES = 8


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return {
        "audio": rng.integers(-5000, 5000, (8, 8240)).astype(np.int16),
        "length": np.array([8240, 6000, 8240, 7000, 8240, 8240, 5000, 8240], np.int32),
    }


def distill_task():
    config = distill_config.get_config("paper")
    config.student.size, config.distractors = "toy", 10
    for name in ("frame_regression", "utterance_regression", "feature_view", "batch_view", "code_classes"):
        config.loss[name] = 1.0
    noises = np.random.default_rng(1).integers(-3000, 3000, (3, 8240)).astype(np.int16)
    return config, distill(config, toy(seed=9), noises, np.ones((1, 50), np.float32))


def pretrain_task():
    config = pretrain_config.get_config()
    config.teacher.size, config.distractors = "toy", 10
    return config, pretrain(config)


STEPS = 20


def run(config, task, batch, count: int, fsdp: int = 1):
    """Losses of twenty steps, and the last parameters, of the state divided as the loop divides it."""
    transform = optimizer(config.optimizer, STEPS, None)
    mesh = Mesh(np.array(jax.devices()[:count]).reshape(1, -1, fsdp), AXES)
    everywhere = replicated(mesh)
    params = jax.jit(task.init)(jax.random.key(0), jax.tree.map(jnp.asarray, batch))
    state = TrainState(jnp.int32(0), params, transform.init(params))
    divided = TrainState(everywhere, *stored(mesh, (state.params, state.opt_state)))
    step = jax.jit(
        make_step(task, transform, 0), in_shardings=(divided, everywhere, split(mesh)), out_shardings=(divided, everywhere)
    )
    state, frozen, losses = jax.device_put(state, divided), jax.device_put(task.frozen, everywhere), []
    for _ in range(STEPS):
        state, metrics = step(state, frozen, to_devices(batch, mesh))
        losses.append(float(metrics["loss"]))
    return losses, state


MESHES = {distill_task: [(8, 1)], pretrain_task: [(4, 2)]}  # devices, and over how many the state is divided


@pytest.mark.parametrize("make", MESHES)
def test_any_number_of_devices_equals_one(make, batch, monkeypatch):
    monkeypatch.setattr("s3rl_jax.engine.mesh.SMALLEST", 64)  # toy models have no large arrays
    config, task = make()
    losses, ended = run(config, task, batch, 1)
    for count, fsdp in MESHES[make]:
        found, state = run(config, task, batch, count, fsdp)
        np.testing.assert_allclose(found, losses, rtol=1e-5)
        pairs = zip(jax.tree_util.tree_leaves_with_path(ended.params), jax.tree.leaves(state.params), strict=True)
        for (path, one), several in pairs:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            if not name.endswith("k_proj/bias"):  # it cancels in the softmax: its gradient is rounding, which Adam makes large
                np.testing.assert_allclose(several, one, rtol=1e-3, atol=1e-4, err_msg=name)
        large = [leaf for leaf in jax.tree.leaves(state.opt_state) if leaf.size >= 64]
        assert min(leaf.addressable_shards[0].data.size / leaf.size for leaf in large) == 1 / fsdp


def test_the_batch_is_divided_over_all_devices():
    mesh = make_mesh()
    assert mesh.size == 8
    assert host_rows(16) == range(16)
    with pytest.raises(UserError, match="batch_size=12"):
        host_rows(12)
