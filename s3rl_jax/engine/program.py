"""A run as compiled functions: how its state begins, a step, a measurement, and where their arrays stand."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from s3rl_jax.core.errors import UserError
from s3rl_jax.engine import mesh as meshes
from s3rl_jax.engine.optimizer import optimizer
from s3rl_jax.engine.step import Expand, make_measure, make_step, make_steps
from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.engine.sweep_members import data_seed
from s3rl_jax.engine.throughput import overview
from s3rl_jax.runs.state import TrainState
from s3rl_jax.tasks.task import Task

AT_ONCE = 8  # steps a dispatch, on accelerators


class Program(NamedTuple):
    """What a run consists of. The step is compiled when it is first asked for: a run that has ended needs none.

    Attributes:
      mesh: of all devices.
      most: steps a dispatch.
      create: () -> the state before the first step.
      step: (state, inputs on the devices, count) -> (state, metrics with a first axis of steps); the state that goes in is
        used up.
      compiled: () -> `step` as XLA has it.
      flops: () -> of one step.
      measure: (state, inputs, place) -> metrics of a held-out batch.
      whole: (state) -> the same on every device.
    """

    mesh: Mesh
    most: int
    create: Callable[[], TrainState]
    step: Callable[[TrainState, dict, int], tuple[TrainState, dict]]
    compiled: Callable[[], jax.stages.Compiled]
    flops: Callable[[], float]
    measure: Callable[[TrainState, dict, int], dict]
    whole: Callable[[TrainState], TrainState]


def build(task: Task, config, example: dict[str, np.ndarray], held: Any, expand: Expand, sweep: Sweep | None) -> Program:
    """A task as a program.

    Args:
      task: what to train.
      config: as of `loop.train`.
      example: this host's rows of the inputs of a step.
      held: arrays that every device holds, of which inputs say what to take.
      expand: (held, inputs) -> batch.
      sweep: trains all of its members.

    Raises:
      UserError: for a mesh, micro-batches or steps a dispatch that cannot be.
    """
    transform = optimizer(config.optimizer, config.steps, task.trainable)

    def begin(held, inputs):
        batch = expand(held, inputs)
        if sweep is None:
            params = task.init(jax.random.key(config.seed), batch)
            return TrainState(jnp.int32(0), params, transform.init(params))
        params = sweep.begin(jax.vmap(lambda seed: task.init(jax.random.key(seed), batch))(sweep.seeds))
        return TrainState(jnp.int32(0), params, jax.vmap(transform.init)(params))

    shapes = jax.eval_shape(begin, held, example)
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
    mesh = meshes.make_mesh(len(sweep) if sweep else 1, size, config.get("mesh"))
    everywhere, most = meshes.replicated(mesh), steps_per_dispatch(config)
    stored = meshes.stored(mesh, (shapes.params, shapes.opt_state), members=sweep is not None)
    divided = TrainState(everywhere, *stored)
    held, frozen = jax.device_put((held, task.frozen), everywhere)

    spread = functools.partial(meshes.constrain, mesh=mesh) if sweep else lambda shared: shared
    parts = micro_batches(config)

    def steps(most: int, parts: int):
        one_step = make_step(task, transform, config.seed, data_seed(config), sweep, spread, parts)
        in_shardings = (divided, everywhere, everywhere, meshes.split(mesh, axis=1), None)
        return jax.jit(
            make_steps(one_step, expand, most), in_shardings=in_shardings, out_shardings=(divided, everywhere), donate_argnums=0
        )

    measure = jax.jit(
        make_measure(task, data_seed(config), sweep),
        in_shardings=(divided.params, everywhere, everywhere, meshes.split(mesh), None),
        out_shardings=everywhere,
    )
    first = meshes.to_devices(example, mesh)

    @functools.cache
    def lowered(most: int, parts: int):
        several = {name: np.broadcast_to(rows, (most, *rows.shape)) for name, rows in example.items()}
        inputs = meshes.to_devices(several, mesh, axis=1)
        return steps(most, parts).lower(shapes, frozen, held, inputs, np.int32(1))

    compiled = functools.cache(lambda: lowered(most, parts).compile())
    return Program(
        mesh,
        most,
        lambda: jax.jit(begin, out_shardings=divided)(held, first),
        lambda state, inputs, count: compiled()(state, frozen, held, inputs, np.int32(count)),
        compiled,
        # XLA counts a loop's body once, so what is counted has none.
        lambda: (lowered(1, 1).cost_analysis() or {}).get("flops", 0.0),
        lambda state, batch, place: measure(state.params, state.step, frozen, meshes.to_devices(batch, mesh), place),
        jax.jit(lambda state: state, out_shardings=everywhere),
    )


def introduction(name: str, params: Any, program: Program, members: bool) -> str:
    """What is said before the first step: what is trained, and on what."""
    mesh = ", ".join(f"{axis} {size}" for axis, size in program.mesh.shape.items())
    on = f"{program.mesh.size} x {jax.devices()[0].device_kind} ({mesh}), {jax.process_count()} processes"
    of = "parameters of a member" if members else "parameters"
    return "\n  ".join([f"{name}: {of}", *overview(params, members), f"{on}, {program.flops() / 1e9:.3g} Gflop a step"])


def steps_per_dispatch(config) -> int:
    """`config.steps_per_dispatch`; 0 is 8 on accelerators and 1 on CPUs, which run a loop's body on one thread.

    Raises:
      UserError: for less than 0.
    """
    asked = config.get("steps_per_dispatch", 0)
    if asked < 0:
        raise UserError(f"config.steps_per_dispatch={asked}: expected 1 or more, or 0 for the best of this machine")
    return asked or (1 if jax.default_backend() == "cpu" else AT_ONCE)


def micro_batches(config) -> int:
    """`config.micro_batches`, in which the gradient of a batch is taken one after the other.

    Raises:
      UserError: if the batch cannot be divided into so many over the devices.
    """
    parts, devices = config.get("micro_batches", 1), jax.device_count()
    if parts < 1 or (parts > 1 and config.batch_size % (parts * devices)):
        raise UserError(
            f"config.micro_batches={parts}: expected 1 or more, and batch_size={config.batch_size} a multiple of it and of the "
            f"number of devices, {devices}, together"
        )
    return parts
