"""The moving average of the parameters: against a loop in float64, through interruptions and sweeps, and in workdirs."""

import ast
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.engine import loop
from s3rl_jax.engine.job import Inputs, Job
from s3rl_jax.engine.optimizer import optimizer
from s3rl_jax.engine.step import make_step
from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.engine.sweep_members import members_of
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.state import TrainState
from s3rl_jax.tasks.task import Task

STEPS = 40


def config(average=0.9, **changes) -> ConfigDict:
    settings = {"learning_rate": 0.1, "warmup": 0.1, "weight_decay": 0.01, "beta1": 0.9, "beta2": 0.98, "clip": 1.0}
    made = ConfigDict(convert_dict=False)  # a sweep stays a dict
    made.optimizer, made.mesh = ConfigDict({**settings, "average": average}), ConfigDict({"sweep": 0})
    made.data = ConfigDict({"seed": 1})
    for name, value in {"seed": 1, "steps": STEPS, "log_every": 5, "checkpoint_every": 8, "sweep": None, **changes}.items():
        made[name] = value
    return made


def line(trainable=None) -> Task:
    """A line to be fitted, with a running mean of the input as a statistic."""

    def loss(params, targets, batch, rng, weights):
        noise = 0.1 * jax.random.normal(rng, batch["y"].shape)
        total = jnp.mean((params["w"] * batch["x"] + params["b"] - batch["y"] + noise) ** 2)
        return total, {}, {"statistics": 0.9 * params["statistics"] + 0.1 * batch["x"].mean()}

    return Task(
        init=lambda rng, batch: {"w": jax.random.normal(rng, (3, 1)), "b": jnp.full((), 0.3), "statistics": jnp.zeros(())},
        targets=lambda frozen, batch, rng: {},
        loss=loss,
        weights=lambda step: {},
        frozen={},
        trainable=trainable,
    )


def batches(first, last):
    for step in range(first, last):
        x = np.random.default_rng(step).standard_normal(16).astype(np.float32)
        yield {"x": x, "y": 3 * x - 1}


def run(workdir, settings, rows=batches, task=None):
    members = members_of(settings, ("seed",))
    sweep = Sweep(members, tuple((lambda step: {}) for _ in members)) if members else None
    if sweep:
        sweep.claim(workdir, allow_changed_config=False)
    return loop.train(Job(task or line(), Inputs(rows), settings, "line", sweep), workdir)


def path(decay, task) -> list[TrainState]:
    """The states after each step."""
    transform = optimizer(config().optimizer, STEPS, task.trainable)
    params = task.init(jax.random.key(0), None)
    state, states = TrainState(jnp.int32(0), params, transform.init(params), params), []
    step = jax.jit(make_step(task, transform, 1, decay=decay))
    for batch in batches(0, STEPS):
        state, _ = step(state, {}, batch)
        states.append(state)
    return states


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999, 0.99999])
def test_the_average_is_the_weighted_mean_of_all_steps(decay):
    states = path(decay, line())
    for name in ("w", "b", "statistics"):
        values = np.array([np.asarray(state.params[name], np.float64) for state in states])
        for step in (1, 2, 7, STEPS):
            weights = decay ** np.arange(step - 1, -1, -1.0)
            expected = np.tensordot(weights / weights.sum(), values[:step], 1)
            np.testing.assert_allclose(states[step - 1].average[name], expected, rtol=2e-5, atol=2e-6)


def test_the_average_changes_no_step_and_a_frozen_parameter_is_its_own_average():
    states, plain = path(0.99, line(("w",))), path(0.0, line(("w",)))
    np.testing.assert_array_equal(states[-1].average["b"], np.float32(0.3))
    for ours, theirs in zip(states, plain, strict=True):
        jax.tree.map(np.testing.assert_array_equal, ours.params, theirs.params)


def test_a_workdir_gives_the_average_and_an_interruption_changes_no_bit(tmp_path):
    whole = run(tmp_path / "whole", config())
    last = run(tmp_path / "last", config(0.0))
    assert np.abs(whole["w"] - last["w"]).max() > 1e-3

    def broken(first, end):
        yield from batches(first, min(end, 29))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", config(), broken)
    resumed = run(tmp_path / "cut", config())
    jax.tree.map(np.testing.assert_array_equal, whole, resumed)
    jax.tree.map(np.testing.assert_array_equal, whole, read_params(tmp_path / "cut", "--workdir"))
    jax.tree.map(np.testing.assert_array_equal, last, read_params(tmp_path / "last", "--workdir"))


def test_without_an_average_a_checkpoint_has_the_old_form(tmp_path):
    """So a checkpoint from before the field restores: it holds a step, parameters, the optimiser's state and a checksum."""
    run(tmp_path, config(0.0))
    tree = json.loads((tmp_path / f"checkpoints/{STEPS}/default/_METADATA").read_text())["tree_metadata"]
    assert {ast.literal_eval(name)[0] for name in tree} == {"step", "params", "opt_state", "checksum"}


def test_a_run_without_an_average_cannot_go_on_with_one(tmp_path):
    run(tmp_path, config(0.0))
    with pytest.raises(UserError, match=r"of another model or another config\.optimizer\.average"):
        run(tmp_path, config(0.9, steps=STEPS + 1))


def test_each_member_of_a_sweep_has_its_own_average(tmp_path):
    together = run(tmp_path / "sweep", config(sweep={"seed": [1, 2]}))
    for place, seed in enumerate((1, 2)):
        alone = run(tmp_path / f"alone{seed}", config(seed=seed))
        own = read_params(tmp_path / f"sweep/members/seed={seed}", "--workdir")
        for name in alone:
            np.testing.assert_allclose(together[name][place], alone[name], rtol=1e-4, atol=1e-6)
            np.testing.assert_array_equal(own[name], together[name][place])
