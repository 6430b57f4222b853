"""The training loop: restore, step, log, save."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from s3rl_jax.tasks.task import Task
from s3rl_jax.training import mesh as meshes
from s3rl_jax.training.checkpoint import Checkpoints
from s3rl_jax.training.logging import RunLog, non_finite
from s3rl_jax.training.optimizer import optimizer
from s3rl_jax.training.state import TrainState, step_key

Batches = Callable[[int, int], Iterator[dict[str, np.ndarray]]]


class NonFiniteLoss(RuntimeError):
    """A loss term became NaN or infinite; the last checkpoint is from before."""


def make_step(task: Task, transform: optax.GradientTransformation, seed: int):
    """One step as a pure function of (state, frozen, batch): targets, loss, gradient, update."""

    def train_step(state: TrainState, frozen, batch):
        target_rng, loss_rng = jax.random.split(step_key(seed, state.step))
        targets = jax.lax.stop_gradient(task.targets(frozen, batch, target_rng))
        weights = task.weights(state.step)
        (loss, metrics), gradient = jax.value_and_grad(task.loss, has_aux=True)(state.params, targets, batch, loss_rng, weights)
        updates, opt_state = transform.update(gradient, state.opt_state, state.params)
        moved = {name: metrics.pop(name) for name in set(metrics) & set(state.params)}
        params = optax.apply_updates(state.params, updates) | moved
        metrics = {"loss": loss, **metrics, "gradient_norm": optax.global_norm(gradient)}
        return TrainState(state.step + 1, params, opt_state), metrics

    return train_step


def make_measure(task: Task, seed: int):
    """Metrics of a held-out batch as a pure function of (params, step, frozen, batch, place); the same noise each time."""

    def measure(params, step, frozen, batch, place):
        # Keyed by the batch's place alone, so that one measurement differs from another by the parameters only.
        target_rng, loss_rng = jax.random.split(step_key(seed, place))
        targets = task.targets(frozen, batch, target_rng)
        weights = task.weights(step)
        if task.measure:
            return task.measure(params, targets, batch, loss_rng, weights)
        loss, metrics = task.loss(params, targets, batch, loss_rng, weights)
        return {"loss": loss} | {name: value for name, value in metrics.items() if name not in params}

    return measure


def train(task: Task, batches: Batches, config, workdir: Path, name: str, held_out: Batches | None = None) -> Any:
    """Runs a task to `config.steps`, from the newest checkpoint of `workdir` if there is one.

    The same seed on the same machine gives the same parameters bit for bit, however often the run is interrupted.

    Args:
      task: what to train.
      batches: (first, last) -> this host's rows of the batches of those steps, in order.
      config: `seed`, `steps`, `log_every`, `checkpoint_every`, `optimizer`; with `held_out`, `validation.every` and
        `validation.batches`.
      workdir: gets checkpoints, metrics.jsonl and TensorBoard events.
      name: of the run in the progress line.
      held_out: as `batches`, of data that is not trained on; measured every so many steps, as validation/...

    Returns:
      The trained parameters.

    Raises:
      NonFiniteLoss: naming the step and the terms.
    """
    mesh = meshes.data_mesh()
    everywhere = meshes.replicated(mesh)
    transform = optimizer(config.optimizer, config.steps, task.trainable)
    checkpoints = Checkpoints(workdir)
    first = checkpoints.latest() or 0

    example = meshes.to_devices(next(batches(first, first + 1)), mesh)

    @functools.partial(jax.jit, out_shardings=everywhere)
    def create(batch):
        params = task.init(jax.random.key(config.seed), batch)
        return TrainState(jnp.int32(0), params, transform.init(params))

    state = create(example)
    if first:
        state = checkpoints.restore(state)
    frozen = jax.device_put(task.frozen, everywhere)
    step_fn = jax.jit(
        make_step(task, transform, config.seed),
        in_shardings=(everywhere, everywhere, meshes.split(mesh)),
        out_shardings=everywhere,
        donate_argnums=0,
    )
    measure_fn = jax.jit(
        make_measure(task, config.seed),
        in_shardings=(everywhere, everywhere, everywhere, meshes.split(mesh), None),
        out_shardings=everywhere,
    )

    def measure(state):
        held = enumerate(held_out(0, config.validation.batches))
        found = [measure_fn(state.params, state.step, frozen, meshes.to_devices(batch, mesh), place) for place, batch in held]
        return {f"validation/{name}": value for name, value in _means(found).items()}

    log = RunLog(workdir, config.steps, first, name)
    since_logged: list[dict] = []
    try:
        for step, batch in enumerate(batches(first, config.steps), start=first + 1):
            state, metrics = step_fn(state, frozen, meshes.to_devices(batch, mesh))
            since_logged.append(metrics)
            last = step == config.steps
            if last or step % config.log_every == 0:
                values = _means(since_logged)
                since_logged.clear()
                # Held-out metrics stand in a logged line: the first one at or after each multiple of `every`.
                due = held_out and (last or step % config.validation.every < config.log_every)
                held = measure(state) if due else {}
                log.log(step, values | held)
                for warning in task.watch(values, step / config.steps):
                    log.warn(step, warning)
                if bad := non_finite(values):
                    raise NonFiniteLoss(f"step {step}: {', '.join(bad)} not finite; stopped. Checkpoints are in {workdir}")
            if last or step % config.checkpoint_every == 0:
                checkpoints.save(step, state)
    finally:
        log.close()
        checkpoints.close()
    return jax.device_get(state.params)


def _means(metrics: list[dict]) -> dict[str, float]:
    """What is logged: the mean over the steps since the last line, so that a small batch's noise does not mislead."""
    return jax.tree.map(lambda *values: float(np.mean(values)), *jax.device_get(metrics))
