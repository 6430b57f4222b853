"""The pure functions that are compiled: steps of a run or of a sweep, and measurements on held-out batches."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from s3rl_jax.engine.average import next_average
from s3rl_jax.engine.job import Expand
from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.runs.state import TrainState, step_key
from s3rl_jax.tasks.task import Batch, Task

StepMetrics = dict[str, Float[Array, "*members"]]
Step = Callable[[TrainState, Any, Batch], tuple[TrainState, StepMetrics]]
Place = Callable[[Any], Any]  # places batches and targets on the devices of a sweep's members


def make_step(
    task: Task,
    transform: optax.GradientTransformation,
    seed: int,
    data_seed: int | None = None,
    sweep: Sweep | None = None,
    place: Place = lambda shared: shared,
    parts: int = 1,
    decay: float = 0.0,
) -> Step:
    """Returns one step as a pure function (state, frozen, batch) -> (state, metrics): targets, loss, gradient, update.

    In a sweep, parameters, optimiser state, average and metrics have a first axis of members; the targets are computed once
    for all.

    Args:
      task: the task.
      transform: the optimiser.
      seed: seed of the loss's random numbers; each member of a sweep has its own.
      data_seed: seed of the targets' random numbers; None: `seed`.
      sweep: the sweep; None: a single run.
      place: places batches and targets on the devices of a sweep's members.
      parts: number of micro-batches in which the gradient is computed.
      decay: decay of the average of the parameters; 0: none is kept.
    """
    data_seed = seed if data_seed is None else data_seed

    def loss(*arguments):
        total, metrics, statistics = task.loss(*arguments)
        return total, (metrics, statistics)

    loss_and_gradient = in_micro_batches(jax.value_and_grad(loss, has_aux=True), parts)

    def update(params, opt_state, average, weights, seed, targets, batch, step):
        _, loss_rng = jax.random.split(step_key(seed, step))
        (total, (metrics, statistics)), gradient = loss_and_gradient(params, targets, batch, loss_rng, weights)
        updates, opt_state = transform.update(gradient, opt_state, params)
        params = optax.apply_updates(params, updates) | statistics
        average = next_average(average, params, step, decay)
        return params, opt_state, average, {"loss": total, **metrics, "gradient_norm": optax.global_norm(gradient)}

    def train_step(state: TrainState, frozen: Any, batch: Batch) -> tuple[TrainState, StepMetrics]:
        target_rng, _ = jax.random.split(step_key(data_seed, state.step))
        targets = jax.lax.stop_gradient(task.targets(frozen, batch, target_rng))
        shared, trained = (*place((targets, batch)), state.step), (state.params, state.opt_state, state.average)
        if sweep is None:
            *trained, metrics = update(*trained, task.weights(state.step), seed, *shared)
        else:
            update_all = jax.vmap(update, (0, 0, 0, 0, 0, None, None, None))
            weights = sweep.weights_of_all(state.step)
            *trained, metrics = update_all(*trained, weights, sweep.seeds, *shared)
        return TrainState(state.step + 1, *trained), metrics

    return train_step


def in_micro_batches(function: Callable, parts: int) -> Callable:
    """Returns a function of a batch that is the mean of `function` over `parts` micro-batches, computed one by one.

    For a loss that is a mean over rows, both are equal. A loss that compares the rows of a batch, such as the batch view,
    compares the rows of a micro-batch.

    Args:
      function: (params, targets, batch, rng, weights) -> a tree.
      parts: number of micro-batches; divides the first axis of all arrays of targets and batch.
    """
    if parts == 1:
        return function

    def mean(params, targets, batch, rng, weights):
        def part_value(i):
            # Rows i, i + parts, ..., so that each device has some.
            rows = jax.tree.map(lambda x: x.reshape(-1, parts, *x.shape[1:])[:, i], (targets, batch))
            return function(params, *rows, jax.random.fold_in(rng, i), weights)

        def add(total, i):
            return jax.tree.map(jnp.add, total, part_value(i)), None

        shapes = jax.eval_shape(part_value, 0)
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        # A loop, although XLA runs its body on one thread of a CPU: unrolled, the parts need the memory of the whole batch.
        total, _ = jax.lax.scan(add, zeros, jnp.arange(parts))
        return jax.tree.map(lambda x: x / parts, total)

    return mean


def make_steps(one_step: Step, expand: Expand, most: int) -> Callable:
    """Returns a pure function (state, frozen, resident, rows, count) -> (state, metrics) that runs `count` steps of `most`.

    The compiled loop is the same for each `count`, so a run gives the same bits wherever it is interrupted.
    """

    def step_of(state, frozen, resident, rows, i):
        return one_step(state, frozen, expand(resident, jax.tree.map(lambda array: array[i], rows)))

    def train_steps(state: TrainState, frozen: Any, resident: Any, rows: Any, count: Int[Array, ""]):
        if most == 1:
            state, metrics = step_of(state, frozen, resident, rows, 0)
            return state, jax.tree.map(lambda value: value[None], metrics)
        shapes = jax.eval_shape(step_of, state, frozen, resident, rows, 0)[1]
        empty = jax.tree.map(lambda value: jnp.zeros((most, *value.shape), value.dtype), shapes)

        def body(i, carry):
            state, metrics = step_of(carry[0], frozen, resident, rows, i)
            return state, jax.tree.map(lambda all_steps, value: all_steps.at[i].set(value), carry[1], metrics)

        return jax.lax.fori_loop(0, count, body, (state, empty))

    return train_steps


def make_measure(task: Task, data_seed: int, sweep: Sweep | None = None) -> Callable:
    """Returns a pure function (params, step, frozen, batch, place) -> metrics of held-out batch number `place`."""

    def measure_one(params, weights, targets, batch, loss_rng):
        if task.measure:
            return task.measure(params, targets, batch, loss_rng, weights)
        loss, metrics, _ = task.loss(params, targets, batch, loss_rng, weights)
        return {"loss": loss} | metrics

    def measure(params, step, frozen, batch, place):
        # The key depends on `place` alone, so that measurements at different steps have the same noise.
        target_rng, loss_rng = jax.random.split(step_key(data_seed, place))
        shared = (task.targets(frozen, batch, target_rng), batch, loss_rng)
        if sweep is None:
            return measure_one(params, task.weights(step), *shared)
        return jax.vmap(measure_one, (0, 0, None, None, None))(params, sweep.weights_of_all(step), *shared)

    return measure
