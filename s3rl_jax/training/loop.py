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

from s3rl_jax.errors import UserError
from s3rl_jax.tasks.task import Task
from s3rl_jax.training import mesh as meshes
from s3rl_jax.training.checkpoint import Checkpoints
from s3rl_jax.training.logging import RunLog, non_finite
from s3rl_jax.training.members import data_seed
from s3rl_jax.training.optimizer import optimizer
from s3rl_jax.training.state import TrainState
from s3rl_jax.training.step import Expand, make_measure, make_step, make_steps
from s3rl_jax.training.sweep import MemberRecords, Sweep

Inputs = dict[str, np.ndarray]
Batches = Callable[[int, int], Iterator[Inputs]]
AT_ONCE = 8  # steps a dispatch, on accelerators


class NonFiniteLoss(RuntimeError):
    """A loss term became NaN or infinite; the last checkpoint is from before."""


def train(
    task: Task,
    batches: Batches,
    config,
    workdir: Path,
    name: str,
    held_out: Batches | None = None,
    held: Any = (),
    expand: Expand = lambda held, inputs: inputs,
    sweep: Sweep | None = None,
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
      sweep: trains all of its members; each also gets a folder as if it had been trained alone.

    Returns:
      The trained parameters; of a sweep, with a first axis of members.

    Raises:
      NonFiniteLoss: naming the step and the terms.
    """
    mesh = meshes.make_mesh(len(sweep), config.get("mesh", {}).get("sweep", 0)) if sweep else meshes.make_mesh()
    everywhere = meshes.replicated(mesh)
    of_members = meshes.along(mesh, "sweep") if sweep else everywhere
    divided = TrainState(everywhere, of_members, of_members)
    transform = optimizer(config.optimizer, config.steps, task.trainable)
    checkpoints = Checkpoints(workdir)
    first = checkpoints.latest() or 0

    most = steps_per_dispatch(config)
    held = jax.device_put(held, everywhere)

    @functools.partial(jax.jit, out_shardings=divided)
    def create(held, inputs):
        batch = expand(held, inputs)
        if sweep is None:
            params = task.init(jax.random.key(config.seed), batch)
            return TrainState(jnp.int32(0), params, transform.init(params))
        params = sweep.begin(jax.vmap(lambda seed: task.init(jax.random.key(seed), batch))(sweep.seeds))
        return TrainState(jnp.int32(0), params, jax.vmap(transform.init)(params))

    state = create(held, meshes.to_devices(next(batches(first, first + 1)), mesh))
    if first:
        state = checkpoints.restore(state)
    frozen = jax.device_put(task.frozen, everywhere)
    spread = functools.partial(meshes.constrain, mesh=mesh) if sweep else lambda shared: shared
    one_step = make_step(task, transform, config.seed, data_seed(config), sweep, spread)
    step_fn = jax.jit(
        make_steps(one_step, expand, most),
        in_shardings=(divided, everywhere, everywhere, meshes.split(mesh, axis=1), None),
        out_shardings=(divided, everywhere),
        donate_argnums=0,
    )
    measure_fn = jax.jit(
        make_measure(task, data_seed(config), sweep),
        in_shardings=(of_members, everywhere, everywhere, meshes.split(mesh), None),
        out_shardings=everywhere,
    )

    def measure(state):
        asked = enumerate(held_out(0, config.validation.batches))
        found = [measure_fn(state.params, state.step, frozen, meshes.to_devices(batch, mesh), place) for place, batch in asked]
        return {f"validation/{name}": np.mean(values, axis=0) for name, values in _together(found).items()}

    log = RunLog(workdir, config.steps, first, name)
    records = MemberRecords(sweep, workdir, first) if sweep else None
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
                values |= measure(state) if due else {}
                values = records.log(step, values) if records else {name: float(value) for name, value in values.items()}
                log.log(step, values, waiting.seconds())
                for warning in task.watch(values, step / config.steps):
                    log.warn(step, warning)
                if bad := non_finite(values):
                    raise NonFiniteLoss(f"step {step}: {', '.join(bad)} not finite; stopped. Checkpoints are in {workdir}")
            if last or step % config.checkpoint_every == 0:
                checkpoints.save(step, state)
    finally:
        log.close()
        if records:
            records.close()
        checkpoints.close()
    if sweep:
        state = jax.jit(lambda state: state, out_shardings=everywhere)(state)
        sweep.split(state, workdir)
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


def _means(metrics: list[dict]) -> dict[str, np.ndarray]:
    """What is logged: the mean over the steps since the last line, so that a small batch's noise does not mislead.

    Args:
      metrics: a first axis of steps in each.
    """
    return {name: np.concatenate(values).mean(axis=0) for name, values in _together(metrics).items()}


def _together(metrics: list[dict]) -> dict[str, list]:
    metrics = jax.device_get(metrics)
    return {name: [each[name] for each in metrics] for name in metrics[0]}
