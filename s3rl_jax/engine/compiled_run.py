"""A job as compiled functions: initial state, step, measurement; and the placement of their arrays on devices."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.engine import mesh as meshes
from s3rl_jax.engine.average import first_average
from s3rl_jax.engine.job import Job, Rows
from s3rl_jax.engine.optimizer import optimizer
from s3rl_jax.engine.step import make_measure, make_step, make_steps
from s3rl_jax.engine.sweep_members import data_seed
from s3rl_jax.engine.throughput import overview
from s3rl_jax.runs.state import TrainState

ON_ACCELERATORS = 8  # steps of a dispatch on accelerators


class CompiledRun:
    """A job on all devices. The step is compiled when it is first used, as a finished run does not need it.

    Args:
      job: the job.
      example: this host's rows of one step.

    Attributes:
      mesh: mesh of all devices.
      most: largest number of steps in a dispatch.

    Raises:
      UserError: for `mesh`, `micro_batches` or `steps_per_dispatch` out of range.
    """

    def __init__(self, job: Job, example: Rows):
        task, config, sweep = job.task, job.config, job.sweep
        self.job = job
        self._example = example
        self._decay = config.optimizer.get("average", 0.0)
        self._transform = optimizer(config.optimizer, config.steps, task.trainable)
        self._shapes = jax.eval_shape(self._first_state, job.inputs.resident, example)
        state_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(self._shapes))
        self.mesh = meshes.make_mesh(job.members, state_bytes, config.get("mesh"))
        self.most = steps_per_dispatch(config)
        self._parts = micro_batches(config)
        self._everywhere = meshes.replicated(self.mesh)
        stored = meshes.stored(self.mesh, tuple(self._shapes)[1:], members=sweep is not None)
        self._divided = TrainState(self._everywhere, *stored)
        self._resident, self._frozen = jax.device_put((job.inputs.resident, task.frozen), self._everywhere)
        self._measure = jax.jit(
            make_measure(task, data_seed(config), sweep),
            in_shardings=(
                self._divided.params,
                self._everywhere,
                self._everywhere,
                meshes.split(self.mesh),
                None,
            ),
            out_shardings=self._everywhere,
        )
        self._gather = jax.jit(lambda state: state, out_shardings=self._everywhere)

    def create(self) -> TrainState:
        """Creates the state before the first step."""
        example = meshes.to_devices(self._example, self.mesh)
        return jax.jit(self._first_state, out_shardings=self._divided)(self._resident, example)

    def step(self, state: TrainState, rows: dict[str, jax.Array], count: int) -> tuple[TrainState, dict[str, jax.Array]]:
        """Runs `count` steps. The memory of `state` is reused, so it must not be used afterwards.

        Args:
          state: the result of `create` or `step`.
          rows: rows on the devices, with a first axis of `most` steps.
          count: number of steps, at most `most`.

        Returns:
          The new state, and metrics with a first axis of `most` steps; the first `count` are valid.
        """
        return self.compiled(state, self._frozen, self._resident, rows, np.int32(count))

    def measure(self, state: TrainState, rows: Rows, place: int) -> dict[str, jax.Array]:
        """Metrics of held-out batch number `place`."""
        batch = meshes.to_devices(rows, self.mesh)
        return self._measure(state.params, state.step, self._frozen, batch, place)

    def whole(self, state: TrainState) -> TrainState:
        """Copies all arrays of the state to every device."""
        return self._gather(state)

    @functools.cached_property
    def compiled(self) -> jax.stages.Compiled:
        """The compiled step."""
        return self._lowered(self.most, self._parts).compile()

    @functools.cached_property
    def flops(self) -> float:
        """Floating-point operations of one step, counted by XLA. XLA counts the body of a loop once, so no loop is used."""
        return (self._lowered(1, 1).cost_analysis() or {}).get("flops", 0.0)

    def introduction(self, params: Any) -> str:
        """Lines for the user before the first step: sizes of the parameters, and devices."""
        members = self.job.sweep is not None
        mesh = ", ".join(f"{axis} {size}" for axis, size in self.mesh.shape.items())
        devices = f"{self.mesh.size} x {jax.devices()[0].device_kind} ({mesh}), {jax.process_count()} processes"
        title = f"{self.job.name}: {'parameters of a member' if members else 'parameters'}"
        return "\n  ".join([title, *overview(params, members), f"{devices}, {self.flops / 1e9:.3g} Gflop a step"])

    def _first_state(self, resident: Any, rows: Any) -> TrainState:
        task, config, sweep = self.job.task, self.job.config, self.job.sweep
        batch = self.job.inputs.expand(resident, rows)
        if sweep is None:
            params = task.init(jax.random.key(config.seed), batch)
            return TrainState(jnp.int32(0), params, self._transform.init(params), first_average(params, self._decay))
        params = sweep.begin(jax.vmap(lambda seed: task.init(jax.random.key(seed), batch))(sweep.seeds))
        opt_state = jax.vmap(self._transform.init)(params)
        return TrainState(jnp.int32(0), params, opt_state, first_average(params, self._decay))

    @functools.cache  # noqa: B019 - there is one run in a process, or a few
    def _lowered(self, most: int, parts: int) -> jax.stages.Lowered:
        config, sweep = self.job.config, self.job.sweep
        place = functools.partial(meshes.constrain, mesh=self.mesh) if sweep else lambda shared: shared
        seeds = (config.seed, data_seed(config))
        one_step = make_step(self.job.task, self._transform, *seeds, sweep, place, parts, self._decay)
        steps = jax.jit(
            make_steps(one_step, self.job.inputs.expand, most),
            in_shardings=(self._divided, self._everywhere, self._everywhere, meshes.split(self.mesh, axis=1), None),
            out_shardings=(self._divided, self._everywhere),
            donate_argnums=0,
        )
        several = {name: np.broadcast_to(rows, (most, *rows.shape)) for name, rows in self._example.items()}
        rows = meshes.to_devices(several, self.mesh, axis=1)
        return steps.lower(self._shapes, self._frozen, self._resident, rows, np.int32(1))


def steps_per_dispatch(config: ConfigDict) -> int:
    """Steps of a dispatch: `config.steps_per_dispatch`; 0 stands for 8 on accelerators and 1 on CPUs.

    On a CPU, XLA runs the body of a loop on one thread.

    Raises:
      UserError: for a value below 0.
    """
    steps = config.get("steps_per_dispatch", 0)
    if steps < 0:
        raise UserError(f"config.steps_per_dispatch={steps}: expected 1 or more, or 0 for the best of this machine")
    return steps or (1 if jax.default_backend() == "cpu" else ON_ACCELERATORS)


def micro_batches(config: ConfigDict) -> int:
    """Number of micro-batches, `config.micro_batches`: the gradient of a batch is computed in so many parts.

    Raises:
      UserError: if the batch cannot be divided into that number on each device.
    """
    parts, devices = config.get("micro_batches", 1), jax.device_count()
    if parts < 1 or (parts > 1 and config.batch_size % (parts * devices)):
        raise UserError(
            f"config.micro_batches={parts}: expected 1 or more, and batch_size={config.batch_size} a multiple of it and of the "
            f"number of devices, {devices}, together"
        )
    return parts
