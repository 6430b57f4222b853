"""A job as compiled functions: its first state, its step, its measurement, and where their arrays stand."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.engine import mesh as meshes
from s3rl_jax.engine.job import Job, Rows
from s3rl_jax.engine.optimizer import optimizer
from s3rl_jax.engine.step import make_measure, make_step, make_steps
from s3rl_jax.engine.sweep_members import data_seed
from s3rl_jax.engine.throughput import overview
from s3rl_jax.runs.state import TrainState

ON_ACCELERATORS = 8  # steps a dispatch


class CompiledRun:
    """A job on all devices. The step is compiled when it is first needed: a run that has ended needs none.

    Args:
      job: what to train.
      example: this host's rows of one step.

    Attributes:
      mesh: of all devices.
      most: steps a dispatch.

    Raises:
      UserError: for a mesh, micro-batches or steps a dispatch that the devices do not allow.
    """

    def __init__(self, job: Job, example: Rows):
        task, config, sweep = job.task, job.config, job.sweep
        self.job = job
        self._example = example
        self._transform = optimizer(config.optimizer, config.steps, task.trainable)
        self._shapes = jax.eval_shape(self._first_state, job.inputs.resident, example)
        state_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(self._shapes))
        self.mesh = meshes.make_mesh(job.members, state_bytes, config.get("mesh"))
        self.most = steps_per_dispatch(config)
        self._parts = micro_batches(config)
        self._everywhere = meshes.replicated(self.mesh)
        stored = meshes.stored(self.mesh, (self._shapes.params, self._shapes.opt_state), members=sweep is not None)
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
        """The state before the first step."""
        example = meshes.to_devices(self._example, self.mesh)
        return jax.jit(self._first_state, out_shardings=self._divided)(self._resident, example)

    def step(self, state: TrainState, rows: dict[str, jax.Array], count: int) -> tuple[TrainState, dict[str, jax.Array]]:
        """Makes `count` steps; the state that goes in is used up.

        Args:
          state: as `create` or `step` gave it.
          rows: on the devices, with a first axis of `most` steps.
          count: at most `most`.

        Returns:
          The state, and metrics with a first axis of steps, of which the first `count` hold.
        """
        return self.compiled(state, self._frozen, self._resident, rows, np.int32(count))

    def measure(self, state: TrainState, rows: Rows, place: int) -> dict[str, jax.Array]:
        """Metrics of a held-out batch, the one at `place` among those of a measurement."""
        batch = meshes.to_devices(rows, self.mesh)
        return self._measure(state.params, state.step, self._frozen, batch, place)

    def whole(self, state: TrainState) -> TrainState:
        """The state with all of its arrays on every device."""
        return self._gather(state)

    @functools.cached_property
    def compiled(self) -> jax.stages.Compiled:
        """`step` as XLA has it."""
        return self._lowered(self.most, self._parts).compile()

    @functools.cached_property
    def flops(self) -> float:
        """Operations of one step, as XLA counts them. It counts a loop's body once, so the step is counted without one."""
        return (self._lowered(1, 1).cost_analysis() or {}).get("flops", 0.0)

    def introduction(self, params: Any) -> str:
        """Lines for the user before the first step: the parameters, and the devices."""
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
            return TrainState(jnp.int32(0), params, self._transform.init(params))
        params = sweep.begin(jax.vmap(lambda seed: task.init(jax.random.key(seed), batch))(sweep.seeds))
        return TrainState(jnp.int32(0), params, jax.vmap(self._transform.init)(params))

    @functools.cache  # noqa: B019 - there is one run in a process, or a few
    def _lowered(self, most: int, parts: int) -> jax.stages.Lowered:
        config, sweep = self.job.config, self.job.sweep
        place = functools.partial(meshes.constrain, mesh=self.mesh) if sweep else lambda shared: shared
        one_step = make_step(self.job.task, self._transform, config.seed, data_seed(config), sweep, place, parts)
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
    """`config.steps_per_dispatch`; 0 is 8 on accelerators and 1 on CPUs, which run a loop's body on one thread.

    Raises:
      UserError: for less than 0.
    """
    steps = config.get("steps_per_dispatch", 0)
    if steps < 0:
        raise UserError(f"config.steps_per_dispatch={steps}: expected 1 or more, or 0 for the best of this machine")
    return steps or (1 if jax.default_backend() == "cpu" else ON_ACCELERATORS)


def micro_batches(config: ConfigDict) -> int:
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
