"""The real tasks on one device and on eight: the same loss, the same gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

from configs import distill as distill_config
from configs import pretrain as pretrain_config
from s3rl_jax.models.wav2vec2 import SIZES, Wav2Vec2
from s3rl_jax.tasks.distill import distill
from s3rl_jax.tasks.pretrain import pretrain
from s3rl_jax.tasks.teacher import Teacher
from s3rl_jax.training.mesh import replicated, split, to_devices
from s3rl_jax.training.optimizer import optimizer
from s3rl_jax.training.state import TrainState
from s3rl_jax.training.step import make_step


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return {
        "audio": rng.integers(-5000, 5000, (8, 8240)).astype(np.int16),
        "length": np.array([8240, 6000, 8240, 7000, 8240, 8240, 5000, 8240], np.int32),
    }


def distill_task():
    config = distill_config.get_config()
    config.student.size, config.distractors = "toy", 10
    for name in ("frame_regression", "utterance_regression", "feature_view", "batch_view", "code_classes"):
        config.loss[name] = 1.0
    teacher = Wav2Vec2(SIZES["toy"]).init(jax.random.key(9), jnp.zeros((1, 1600)), jnp.ones((1, 4), bool))["params"]
    noises = np.random.default_rng(1).integers(-3000, 3000, (3, 8240)).astype(np.int16)
    return config, distill(config, Teacher(SIZES["toy"], teacher), noises, np.ones((1, 50), np.float32))


def pretrain_task():
    config = pretrain_config.get_config()
    config.teacher.size, config.distractors = "toy", 10
    return config, pretrain(config)


@pytest.mark.parametrize("make", [distill_task, pretrain_task])
def test_eight_devices_equal_one(make, batch):
    config, task = make()
    transform = optimizer(config.optimizer, 20, None)
    ended = {}
    for count in (1, 8):
        mesh = Mesh(np.array(jax.devices()[:count]), ("data",))
        everywhere = replicated(mesh)
        params = task.init(jax.random.key(0), jax.tree.map(jnp.asarray, batch))
        # From step 5, where the learning rate is no longer zero.
        state = jax.device_put(TrainState(jnp.int32(5), params, transform.init(params)), everywhere)
        step = jax.jit(
            make_step(task, transform, 0), in_shardings=(everywhere, everywhere, split(mesh)), out_shardings=everywhere
        )
        losses = []
        for _ in range(3):
            state, metrics = step(state, jax.device_put(task.frozen, everywhere), to_devices(batch, mesh))
            losses.append(float(metrics["loss"]))
        ended[count] = losses, jax.device_get(metrics)
    np.testing.assert_allclose(ended[1][0], ended[8][0], rtol=1e-5)
    for name in ended[1][1]:
        np.testing.assert_allclose(ended[1][1][name], ended[8][1][name], rtol=1e-4, atol=1e-5, err_msg=name)
