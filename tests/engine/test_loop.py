"""The loop on a task of its own: a line to be fitted."""

import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s3rl_jax.core.errors import NonFiniteLoss, UserError
from s3rl_jax.engine import loop
from s3rl_jax.engine.compiled_run import steps_per_dispatch
from s3rl_jax.engine.job import Inputs, Job
from s3rl_jax.engine.optimizer import optimizer
from s3rl_jax.engine.step import make_step
from s3rl_jax.runs.params import read_params
from s3rl_jax.tasks.task import Task


def config(**changes):
    made = {"seed": 1, "steps": 12, "log_every": 3, "checkpoint_every": 4}
    settings = {"learning_rate": 0.1, "warmup": 0.1, "weight_decay": 0.0, "beta1": 0.9, "beta2": 0.98, "clip": 1.0}
    return ConfigDict({**made, "optimizer": settings, **changes})


def line(poison_at=None) -> Task:
    def loss(params, targets, batch, rng, weights):
        noise = 0.01 * jax.random.normal(rng, batch["y"].shape)
        error = params["w"] * batch["x"] + params["b"] - batch["y"] + noise
        total = jnp.mean(error**2)
        return jnp.where(weights["step"] == poison_at, jnp.nan, total) if poison_at is not None else total, {"mse": total}, {}

    return Task(
        init=lambda rng, batch: {"w": jax.random.normal(rng, ()), "b": jnp.zeros(())},
        targets=lambda frozen, batch, rng: {},
        loss=loss,
        weights=lambda step: {"step": step},
        frozen={},
    )


def batches(first, last):
    for step in range(first, last):
        x = np.random.default_rng(step).standard_normal(16).astype(np.float32)
        yield {"x": x, "y": 3 * x - 1}


def train(task, batches, config, workdir, validation=None, resident=(), expand=lambda resident, rows: rows):
    return loop.train(Job(task, Inputs(batches, resident, expand, validation), config, "line"), workdir)


def test_fits_logs_and_saves(tmp_path):
    params = train(line(), batches, config(steps=200), tmp_path)
    assert params["w"] == pytest.approx(3, abs=0.1)
    assert params["b"] == pytest.approx(-1, abs=0.1)
    rows = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows][-1] == 200
    assert {"loss", "mse", "gradient_norm", "steps_per_second"} <= rows[0].keys()
    assert list(tmp_path.glob("events.out.tfevents.*"))
    jax.tree.map(np.testing.assert_array_equal, read_params(tmp_path, "--workdir"), params)


def test_an_interrupted_run_ends_bit_for_bit_as_an_undisturbed_one(tmp_path):
    whole = train(line(), batches, config(), tmp_path / "whole")

    def broken(first, last):
        for step, batch in zip(range(first, last), batches(first, last), strict=True):
            if step == 10:
                raise KeyboardInterrupt
            yield batch

    with pytest.raises(KeyboardInterrupt):
        train(line(), broken, config(), tmp_path / "cut")
    resumed = train(line(), batches, config(), tmp_path / "cut")
    jax.tree.map(np.testing.assert_array_equal, whole, resumed)
    again = train(line(), batches, config(), tmp_path / "cut")
    jax.tree.map(np.testing.assert_array_equal, whole, again)


@pytest.mark.parametrize("most", [1, 5])
def test_several_steps_a_dispatch_are_the_same_steps(tmp_path, most):
    plain = train(line(), batches, config(steps=23), tmp_path / "one")
    held = jnp.arange(4.0)  # what every device holds, of which a step takes what its inputs say

    def inputs(first, last):
        for step, batch in zip(range(first, last), batches(first, last), strict=True):
            yield {**batch, "which": np.full(16, step % 4, np.int32)}

    def expand(held, inputs):
        return {"x": inputs["x"], "y": inputs["y"] + held[inputs["which"]] - inputs["which"]}

    arguments = {"resident": held, "expand": expand}
    made = config(steps=23, steps_per_dispatch=most)
    several = train(line(), inputs, made, tmp_path / "several", **arguments)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), plain, several)
    rows = [json.loads(row) for row in (tmp_path / "several/metrics.jsonl").read_text().splitlines()]
    one = [json.loads(row) for row in (tmp_path / "one/metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [row["step"] for row in one]
    np.testing.assert_allclose([row["loss"] for row in rows], [row["loss"] for row in one], rtol=1e-4)

    def broken(first, last):
        yield from inputs(first, min(last, 11))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(line(), broken, made, tmp_path / "cut", **arguments)
    resumed = train(line(), inputs, made, tmp_path / "cut", **arguments)
    jax.tree.map(np.testing.assert_array_equal, several, resumed)


def test_waiting_is_what_nothing_runs_in(tmp_path):
    def slow(first, last):
        for batch in batches(first, last):
            time.sleep(0.05)
            yield batch

    for name, source in (("slow", slow), ("quick", batches)):
        train(line(), source, config(), tmp_path / name)
    waits = {
        n: json.loads((tmp_path / n / "metrics.jsonl").read_text().splitlines()[-1])["input_wait"] for n in ("slow", "quick")
    }
    assert 0 <= waits["quick"] < waits["slow"] <= 1


def test_a_number_of_steps_that_cannot_be_is_named():
    with pytest.raises(UserError, match="steps_per_dispatch=-1"):
        steps_per_dispatch(config(steps_per_dispatch=-1))
    assert steps_per_dispatch(config()) == 1, "on a CPU"


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path):
    with pytest.raises(NonFiniteLoss, match="loss"):
        train(line(poison_at=6), batches, config(log_every=1), tmp_path)
    assert np.isfinite(read_params(tmp_path, "--workdir")["w"])


def test_held_out_metrics_are_logged_and_change_nothing(tmp_path):
    made = config(validation={"every": 6, "batches": 2})
    plain = train(line(), batches, made, tmp_path / "plain")
    asked = []

    def held_out(first, last):
        asked.append((first, last))
        return batches(100 + first, 100 + last)

    watched = train(line(), batches, made, tmp_path / "watched", held_out)
    jax.tree.map(np.testing.assert_array_equal, plain, watched)
    rows = [json.loads(row) for row in (tmp_path / "watched/metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "validation/mse" in row] == [6, 12]
    assert asked == [(0, 2), (0, 2)]
    x = [next(batches(step, step + 1)) for step in (100, 101)]
    selection = np.mean([np.mean((watched["w"] * b["x"] + watched["b"] - b["y"]) ** 2) for b in x])
    assert rows[-1]["validation/mse"] == pytest.approx(selection, rel=0.1, abs=1e-3)


def test_a_held_out_metric_that_is_not_finite_stops_the_run(tmp_path):
    task = line()._replace(measure=lambda params, targets, batch, rng, weights: {"mse": jnp.float32(jnp.nan)})
    with pytest.raises(NonFiniteLoss, match="step 3: validation/mse not finite"):
        train(task, batches, config(validation={"every": 3, "batches": 1}), tmp_path, batches)


def test_a_warning_is_said_once(tmp_path, capsys):
    task = line()._replace(watch=lambda metrics, done: [f"mse is {metrics['mse']:.3f}"] if done > 0.4 else [])
    train(task, batches, config(), tmp_path)
    lines = [text for text in capsys.readouterr().err.splitlines() if text.startswith("warning")]
    assert len(lines) == 1
    assert lines[0].startswith("warning: step 6: mse is ")


def test_frozen_parts_keep_their_values():
    transform = optimizer(config().optimizer, 10, ("w",))
    params = {"w": jnp.ones((2, 2)), "b": jnp.ones((2, 2))}
    updates, _ = transform.update(params, transform.init(params), params)
    assert not updates["b"].any()


def test_step_is_a_pure_function():
    task, transform = line(), optimizer(config().optimizer, 12, None)
    from s3rl_jax.runs.state import TrainState

    params = task.init(jax.random.key(0), None)
    state = TrainState(jnp.int32(3), params, transform.init(params))
    step = jax.jit(make_step(task, transform, 1))
    batch = next(batches(0, 1))
    one, other = step(state, {}, batch), step(state, {}, batch)
    jax.tree.map(np.testing.assert_array_equal, one, other)
    assert int(one[0].step) == 4
