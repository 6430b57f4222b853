"""The training loop: restore, step, log, save."""

import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from s3rl_jax.errors import UserError
from s3rl_jax.tasks.task import Task
from s3rl_jax.training import mesh as meshes
from s3rl_jax.training.checkpoint import Checkpoints
from s3rl_jax.training.logging import RunLog, non_finite
from s3rl_jax.training.optimizer import optimizer
from s3rl_jax.training.state import TrainState, step_key

Inputs = dict[str, np.ndarray]
Batches = Callable[[int, int], Iterator[Inputs]]
Expand = Callable[[Any, Any], Any]  # (what is held on the devices, inputs of a step) -> its batch
AT_ONCE = 8  # steps a dispatch, on accelerators


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


def make_steps(task: Task, transform: optax.GradientTransformation, seed: int, expand: Expand, most: int):
    """Several steps as one pure function of (state, frozen, held, inputs, count): the first `count` of `most` inputs.

    The loop has the same body however many steps it makes, so that a run gives the same bits wherever it is cut.
    """
    one_step = make_step(task, transform, seed)

    def step_of(state, frozen, held, inputs, i):
        return one_step(state, frozen, expand(held, jax.tree.map(lambda rows: rows[i], inputs)))

    def train_steps(state: TrainState, frozen, held, inputs, count):
        if most == 1:
            state, metrics = step_of(state, frozen, held, inputs, 0)
            return state, jax.tree.map(lambda value: value[None], metrics)
        logged = jax.eval_shape(step_of, state, frozen, held, inputs, 0)[1]
        empty = jax.tree.map(lambda value: jnp.zeros((most, *value.shape), value.dtype), logged)

        def body(i, carry):
            state, metrics = step_of(carry[0], frozen, held, inputs, i)
            return state, jax.tree.map(lambda all_steps, value: all_steps.at[i].set(value), carry[1], metrics)

        return jax.lax.fori_loop(0, count, body, (state, empty))

    return train_steps


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


def train(
    task: Task,
    batches: Batches,
    config,
    workdir: Path,
    name: str,
    held_out: Batches | None = None,
    held: Any = (),
    expand: Expand = lambda held, inputs: inputs,
) -> Any:
    """Runs a task to `config.steps`, from the newest checkpoint of `workdir` if there is one.

    The same seed on the same machine gives the same parameters bit for bit, however often the run is interrupted.

    Args:
      task: what to train.
      batches: (first, last) -> this host's rows of the inputs of those steps, in order.
      config: `seed`, `steps`, `log_every`, `checkpoint_every`, `optimizer`, and optionally `steps_per_dispatch`; with
        `held_out`, `validation.every` and `validation.batches`.
      workdir: gets checkpoints, metrics.jsonl and TensorBoard events.
      name: of the run in the progress line.
      held_out: batches, as `expand` makes them, of data that is not trained on; measured every so many steps, as
        validation/...
      held: arrays that every device holds, of which inputs say what to take.
      expand: (held, inputs) -> batch, compiled into the step.

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

    most = steps_per_dispatch(config)
    held = jax.device_put(held, everywhere)

    @functools.partial(jax.jit, out_shardings=everywhere)
    def create(held, inputs):
        params = task.init(jax.random.key(config.seed), expand(held, inputs))
        return TrainState(jnp.int32(0), params, transform.init(params))

    state = create(held, meshes.to_devices(next(batches(first, first + 1)), mesh))
    if first:
        state = checkpoints.restore(state)
    frozen = jax.device_put(task.frozen, everywhere)
    step_fn = jax.jit(
        make_steps(task, transform, config.seed, expand, most),
        in_shardings=(everywhere, everywhere, everywhere, meshes.split(mesh, axis=1), None),
        out_shardings=everywhere,
        donate_argnums=0,
    )
    measure_fn = jax.jit(
        make_measure(task, config.seed),
        in_shardings=(everywhere, everywhere, everywhere, meshes.split(mesh), None),
        out_shardings=everywhere,
    )

    def measure(state):
        asked = enumerate(held_out(0, config.validation.batches))
        found = [measure_fn(state.params, state.step, frozen, meshes.to_devices(batch, mesh), place) for place, batch in asked]
        return {f"validation/{name}": value for name, value in _means(found).items()}

    log = RunLog(workdir, config.steps, first, name)
    since_logged: list[dict] = []
    stream, waiting = batches(first, config.steps), Waiting()
    step = first
    try:
        while step < config.steps:
            count = _until_next_stop(step, config, most)
            with waiting(since_logged):
                inputs = meshes.to_devices(_stacked(stream, count, most), mesh, axis=1)
            state, metrics = step_fn(state, frozen, held, inputs, count)
            since_logged.append(jax.tree.map(lambda values, count=count: values[:count], metrics))
            step += count
            last = step == config.steps
            if last or step % config.log_every == 0:
                values = _means(since_logged)
                since_logged.clear()
                # Held-out metrics stand in a logged line: the first one at or after each multiple of `every`.
                due = held_out and (last or step % config.validation.every < config.log_every)
                log.log(step, values | (measure(state) if due else {}), waiting.seconds())
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


def steps_per_dispatch(config) -> int:
    """`config.steps_per_dispatch`; 0 is 8 on accelerators and 1 on CPUs, which run a loop's body on one thread.

    Raises:
      UserError: for less than 0.
    """
    asked = config.get("steps_per_dispatch", 0)
    if asked < 0:
        raise UserError(f"config.steps_per_dispatch={asked}: expected 1 or more, or 0 for the best of this machine")
    return asked or (1 if jax.default_backend() == "cpu" else AT_ONCE)


class Waiting:
    """How long the devices had nothing to do because inputs were not there yet: at most so many seconds."""

    def __init__(self):
        self._total = 0.0

    @contextlib.contextmanager
    def __call__(self, running: list[dict]):
        """Around making inputs: it is a wait only if what runs meanwhile, the newest of `running`, ends."""
        begun = time.monotonic()
        yield
        if not running or all(value.is_ready() for value in jax.tree.leaves(running[-1])):
            self._total += time.monotonic() - begun

    def seconds(self) -> float:
        """Since it was last asked."""
        total, self._total = self._total, 0.0
        return total


def _until_next_stop(step: int, config, most: int) -> int:
    """How many steps to make at once: none of them but the last is one after which something is logged or saved."""
    stops = (every - step % every for every in (config.log_every, config.checkpoint_every))
    return min(most, config.steps - step, *stops)


def _stacked(stream: Iterator[Inputs], count: int, most: int) -> Inputs:
    """The next `count` inputs in a new first axis of `most`: one shape, one compilation."""
    taken = list(itertools.islice(stream, count))
    return {name: np.stack([*(step[name] for step in taken), *[taken[-1][name]] * (most - count)]) for name in taken[0]}


def _means(metrics: list[dict]) -> dict[str, float]:
    """What is logged: the mean over the steps since the last line, so that a small batch's noise does not mislead."""
    return jax.tree.map(
        lambda *values: float(np.mean(np.concatenate([np.ravel(value) for value in values]))), *jax.device_get(metrics)
    )
