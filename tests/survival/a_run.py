"""A run of the training loop that starts fast and writes a lot: python -m tests.survival.a_run WORKDIR STEPS."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.engine.job import Inputs, Job
from s3rl_jax.engine.loop import train
from s3rl_jax.tasks.task import Task

WIDTH = 256


def config(steps: int) -> ConfigDict:
    settings = {"learning_rate": 0.1, "warmup": 0.1, "weight_decay": 0.0, "beta1": 0.9, "beta2": 0.98, "clip": 1.0}
    return ConfigDict({"seed": 1, "steps": steps, "log_every": 3, "checkpoint_every": 2, "optimizer": settings})


def matrix() -> Task:
    def loss(params, targets, batch, rng, weights):
        total = jnp.mean((batch["x"] @ params["w"] - batch["y"] + 0.01 * jax.random.normal(rng, batch["y"].shape)) ** 2)
        return total, {"mse": total}, {}

    return Task(
        init=lambda rng, batch: {"w": jax.random.normal(rng, (WIDTH, WIDTH))},
        targets=lambda frozen, batch, rng: {},
        loss=loss,
        weights=lambda step: {},
        frozen={},
    )


def batches(first: int, last: int):
    for step in range(first, last):
        x = np.random.default_rng(step).standard_normal((16, WIDTH)).astype(np.float32)
        yield {"x": x, "y": x[:, ::-1].copy()}


if __name__ == "__main__":
    train(Job(matrix(), Inputs(batches), config(int(sys.argv[2])), "matrix"), Path(sys.argv[1]))
