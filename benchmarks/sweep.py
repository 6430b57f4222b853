"""Cost of a step of K students with one pass of a base-size teacher, relative to one student; the goal is 1.5 for K = 8.

    python -m benchmarks.sweep [--members=8] [--batch_size=4] [--seconds=2.015] [--repeats=5]

Steps of distillation (dual view and the teacher's codebook) of one run and of a sweep over loss.gamma run in turn in one
process. The teacher is a wav2vec 2.0 base with random parameters, whose values do not affect the time. Prints JSON: seconds of
a step (median, least, most), and the ratio of the steps in each turn (median, least, most).
"""

import argparse
import json
import os
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measuring import spread
from configs import distill as config_file
from s3rl_jax.engine.optimizer import optimizer
from s3rl_jax.engine.step import make_step
from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.engine.sweep_members import members_of
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.models.teacher.wav2vec2 import SIZES, Wav2Vec2
from s3rl_jax.runs.state import TrainState
from s3rl_jax.tasks import distill


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.015)
    parser.add_argument("--student", default="tiny")
    parser.add_argument("--teacher", default="base")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    config = config_file.get_config("paper")
    config.student.size = args.student
    config.sweep = {"loss.gamma": np.linspace(0.1, 2.0, args.members).tolist()}
    size, samples = SIZES[args.teacher], int(args.seconds * 16_000)
    weights = Wav2Vec2(size).init(jax.random.key(9), jnp.zeros((1, 1600)), jnp.ones((1, 4), bool))["params"]
    rng = np.random.default_rng(0)
    noises = rng.integers(-3000, 3000, (20, samples)).astype(np.int16)
    task = distill.distill(config, Teacher(size, weights), noises, np.zeros((0, 8000), np.float32))
    batch = {
        "audio": rng.integers(-5000, 5000, (args.batch_size, samples)).astype(np.int16),
        "length": np.full(args.batch_size, samples, np.int32),
    }
    transform = optimizer(config.optimizer, 1000, None)
    members = members_of(config, ("loss.",))
    layers = tuple(range(size.layers + 1))
    sweep = Sweep(members, tuple(distill.weights_of(member.config, layers) for member in members))

    params = task.init(jax.random.key(0), batch)
    many = jax.vmap(lambda seed: task.init(jax.random.key(seed), batch))(sweep.seeds)
    states = {
        "one": TrainState(jnp.int32(100), params, transform.init(params)),
        "sweep": TrainState(jnp.int32(100), many, jax.vmap(transform.init)(many)),
    }
    steps = {
        "one": jax.jit(make_step(task, transform, 0), donate_argnums=0),
        "sweep": jax.jit(make_step(task, transform, 0, 0, sweep), donate_argnums=0),
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(args.repeats + 1):  # the first one compiles
        for name, step in steps.items():
            begun = time.monotonic()
            states[name], metrics = step(states[name], task.frozen, batch)
            jax.block_until_ready((states[name], metrics))
            times[name].append(time.monotonic() - begun)
    one, several = times["one"][1:], times["sweep"][1:]
    print(
        json.dumps(
            {
                "device": jax.devices()[0].device_kind,
                "cores": os.cpu_count(),
                "teacher": args.teacher,
                "student": args.student,
                "members": args.members,
                "batch": f"{args.batch_size} x {args.seconds} s",
                "seconds_a_step_of_one": spread(one, 4),
                "seconds_a_step_of_the_sweep": spread(several, 4),
                "ratio": spread([b / a for a, b in zip(one, several, strict=True)], 4),
            }
        )
    )


if __name__ == "__main__":
    main()
