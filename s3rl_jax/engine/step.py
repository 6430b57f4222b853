"""What is compiled: steps of one run or of a sweep, and measurements on held-out batches, as pure functions."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.runs.state import TrainState, step_key
from s3rl_jax.tasks.task import Task

Expand = Callable[[Any, Any], Any]  # (what is held on the devices, inputs of a step) -> its batch
Spread = Callable[[Any], Any]  # targets and batches -> the same, divided over devices as the members need them


def make_step(
    task: Task,
    transform: optax.GradientTransformation,
    seed: int,
    data_seed: int | None = None,
    sweep: Sweep | None = None,
    spread: Spread = lambda shared: shared,
    parts: int = 1,
):
    """One step as a pure function of (state, frozen, batch): targets, loss, gradient, update.

    The targets are keyed by `data_seed`, the rest by `seed`. Of a sweep, parameters, optimiser state and metrics have a
    first axis of members; the targets are computed once. The gradient is taken in `parts` micro-batches.
    """
    data_seed = seed if data_seed is None else data_seed
    loss_and_gradient = accumulated(jax.value_and_grad(task.loss, has_aux=True), parts)

    def update(params, opt_state, weights, seed, targets, batch, step):
        _, loss_rng = jax.random.split(step_key(seed, step))
        (loss, metrics), gradient = loss_and_gradient(params, targets, batch, loss_rng, weights)
        updates, opt_state = transform.update(gradient, opt_state, params)
        moved = {name: metrics.pop(name) for name in set(metrics) & set(params)}
        params = optax.apply_updates(params, updates) | moved
        return params, opt_state, {"loss": loss, **metrics, "gradient_norm": optax.global_norm(gradient)}

    def train_step(state: TrainState, frozen, batch):
        target_rng, _ = jax.random.split(step_key(data_seed, state.step))
        targets = jax.lax.stop_gradient(task.targets(frozen, batch, target_rng))
        shared = (*spread((targets, batch)), state.step)
        if sweep is None:
            own, of_all = (task.weights(state.step), seed), update
        else:
            own, of_all = (sweep.weights_of_all(state.step), sweep.seeds), jax.vmap(update, (0, 0, 0, 0, None, None, None))
        params, opt_state, metrics = of_all(state.params, state.opt_state, *own, *shared)
        return TrainState(state.step + 1, params, opt_state), metrics

    return train_step


def accumulated(of_batch, parts: int):
    """What `of_batch` gives for a whole batch, as its mean over `parts` micro-batches of it, one after the other.

    Equal for a loss that is a mean over rows. One that compares the rows of a batch, such as the batch view, compares
    those of a micro-batch.

    Args:
      of_batch: (params, targets, batch, rng, weights) -> a tree.
      parts: how many; the first axis of all of targets and batch is a multiple.
    """
    if parts == 1:
        return of_batch

    def of_parts(params, targets, batch, rng, weights):
        def of_part(i):
            # Rows i, i + parts, ...: some of each device's.
            rows = jax.tree.map(lambda x: x.reshape(-1, parts, *x.shape[1:])[:, i], (targets, batch))
            return of_batch(params, *rows, jax.random.fold_in(rng, i), weights)

        def add(total, i):
            return jax.tree.map(jnp.add, total, of_part(i)), None

        shapes = jax.eval_shape(of_part, 0)
        nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        # A loop, although XLA runs its body on one thread of a CPU: side by side the parts take the memory of the whole batch.
        total, _ = jax.lax.scan(add, nothing, jnp.arange(parts))
        return jax.tree.map(lambda x: x / parts, total)

    return of_parts


def make_steps(one_step, expand: Expand, most: int):
    """Several steps as one pure function of (state, frozen, held, inputs, count): the first `count` of `most` inputs.

    The loop has the same body however many steps it makes, so that a run gives the same bits wherever it is cut.
    """

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


def make_measure(task: Task, data_seed: int, sweep: Sweep | None = None):
    """Metrics of a held-out batch as a pure function of (params, step, frozen, batch, place); the same noise each time."""

    def of_one(params, weights, targets, batch, loss_rng):
        if task.measure:
            return task.measure(params, targets, batch, loss_rng, weights)
        loss, metrics = task.loss(params, targets, batch, loss_rng, weights)
        return {"loss": loss} | {name: value for name, value in metrics.items() if name not in params}

    def measure(params, step, frozen, batch, place):
        # Keyed by the batch's place alone, so that one measurement differs from another by the parameters only.
        target_rng, loss_rng = jax.random.split(step_key(data_seed, place))
        shared = (task.targets(frozen, batch, target_rng), batch, loss_rng)
        if sweep is None:
            return of_one(params, task.weights(step), *shared)
        return jax.vmap(of_one, (0, 0, None, None, None))(params, sweep.weights_of_all(step), *shared)

    return measure
