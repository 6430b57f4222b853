"""Checkpoints through Orbax: written beside the run, asynchronously, the newest few kept, each with a checksum."""

import contextlib
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from jaxtyping import Array, UInt32

from s3rl_jax.core.errors import LostProcess, NotSaved, UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.runs.state import TrainState
from s3rl_jax.runs.workdir import CHECKPOINTS

UNREADABLE = "checkpoints-unreadable"  # where those go that cannot be read


@jax.jit
def checksum(state: Any) -> UInt32[Array, "leaves"]:
    """The sum, modulo 2^32, of each array's bits as whole numbers: the same for any order, so for any mesh; sorted.

    Orbax finds a file that is missing or cut, but not a bit that has changed in one.
    """

    def sum_of(leaf):
        words = (
            leaf if jnp.issubdtype(leaf.dtype, jnp.bool_) else jax.lax.bitcast_convert_type(leaf, f"uint{8 * leaf.itemsize}")
        )
        return jnp.sum(words, dtype=jnp.uint32)

    return jnp.sort(jnp.stack([sum_of(leaf) for leaf in jax.tree.leaves(state)]))


class Checkpoints:
    """The checkpoints of one workdir; to be used in a `with` statement, which ends what is being written."""

    def __init__(self, workdir: Path):
        self._folder = (workdir / CHECKPOINTS).absolute()
        options = ocp.CheckpointManagerOptions(max_to_keep=2, enable_async_checkpointing=True)
        self._manager = ocp.CheckpointManager(self._folder, options=options, item_handlers=ocp.StandardCheckpointHandler())

    def latest(self) -> int | None:
        """Step of the newest checkpoint."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState) -> None:
        """Begins to write, after what is being written; what that could not write is raised here or by `wait`."""
        if step not in self._manager.all_steps():
            self._manager.save(step, args=ocp.args.StandardSave(_stored(state)))

    def restore(self, state: TrainState) -> TrainState | None:
        """The newest checkpoint that can be read, in the shapes and shardings of `state`; None if there is none.

        One that cannot be read is said, and put aside in WORKDIR/checkpoints-unreadable.

        Raises:
          UserError: if there are checkpoints and none can be read, or the newest is of another model.
        """
        wanted = jax.tree.map(ocp.utils.to_shape_dtype_struct, _stored(state))
        shapes = sorted((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(wanted))
        there = self._manager.all_steps()
        while (step := self.latest()) is not None:
            if _shapes(self._manager, step) not in (None, shapes):
                raise UserError(
                    f"--workdir={self._folder.parent}: the checkpoint of step {step} is of another model; name another"
                )
            found, wrong = _read(self._manager, step, wanted)
            if not wrong:
                return found
            self._put_aside(step)
            before = self.latest()
            then = f"going on from that of step {before}" if before is not None else "there is no other"
            LOGGER.warning(f"the checkpoint of step {step} cannot be read ({wrong}); {then}")
        if there:
            raise UserError(
                f"--workdir={self._folder.parent}: no checkpoint can be read; they are in {UNREADABLE}/. Name another "
                "workdir, or give the same command again to begin anew"
            )
        return None

    def wait(self) -> None:
        """Until everything is on disk."""
        self._manager.wait_until_finished()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind, *error) -> None:
        # What could not be written fails again, and what another process was to write is waited for in vain.
        if kind not in (NotSaved, LostProcess):
            self._manager.close()

    def _put_aside(self, step: int) -> None:
        if jax.process_index() == 0:
            aside = self._folder.parent / UNREADABLE
            aside.mkdir(exist_ok=True)
            taken = sum(1 for other in aside.iterdir() if other.name.split("-")[0] == str(step))
            (self._folder / str(step)).rename(aside / (f"{step}-{taken}" if taken else str(step)))
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices("a checkpoint is put aside")
        self._manager.reload()


def read_params(workdir: str | Path, flag: str) -> Any:
    """The parameters of `read_params_and_step`."""
    return read_params_and_step(workdir, flag)[0]


def read_params_and_step(workdir: str | Path, flag: str) -> tuple[Any, int]:
    """The parameters of a run's newest checkpoint that can be read, as NumPy arrays, and its step.

    Raises:
      UserError: naming `flag`, if there is no checkpoint, or none that can be read.
    """
    folder = Path(workdir) / CHECKPOINTS
    if not folder.is_dir():
        raise UserError(f"{flag}={workdir}: no {CHECKPOINTS}/ there; expected a workdir of python -m s3rl_jax.train")
    # Its own device is where each array goes, whatever mesh wrote it.
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    with ocp.CheckpointManager(folder.absolute(), item_handlers=ocp.StandardCheckpointHandler()) as manager:
        steps = sorted(manager.all_steps(), reverse=True)
        if not steps:
            raise UserError(f"{flag}={workdir}: no finished checkpoint in {CHECKPOINTS}/; let the run reach its first one")
        for step in steps:
            found, wrong = _read(manager, step, device)
            if not wrong:
                return jax.device_get(found.params), step
            LOGGER.warning(f"{flag}={workdir}: the checkpoint of step {step} cannot be read ({wrong})")
    raise UserError(f"{flag}={workdir}: no checkpoint in {CHECKPOINTS}/ can be read")


def _stored(state: TrainState) -> dict[str, Any]:
    return {**state._asdict(), "checksum": checksum(state)}


def _shapes(manager, step: int) -> list | None:
    """Of the arrays in a checkpoint; None if it does not say."""
    try:
        return sorted((tuple(leaf.shape), str(leaf.dtype)) for leaf in jax.tree.leaves(manager.item_metadata(step).tree))
    except Exception:  # as below; what is wrong is said when it is read
        return None


def _read(manager, step: int, wanted) -> tuple[TrainState | None, str]:
    """The state in a checkpoint, or why it cannot be read; all processes agree on which.

    Args:
      wanted: shapes and shardings, or the one sharding that all arrays are to have.
    """
    found, wrong = None, ""
    with _unheard():
        try:
            found = manager.restore(step, args=ocp.args.StandardRestore(_asked(manager, step, wanted)))
        except Exception as error:  # Orbax and TensorStore raise whatever the broken file led to
            wrong = " ".join(f"{type(error).__name__}: {error}".split(". See full")[0].split())[:160]
    if jax.process_count() > 1 and not np.all(multihost_utils.process_allgather(np.array(not wrong))):
        wrong = wrong or "another process could not"
    if wrong:
        return None, wrong
    state = TrainState(**{name: found[name] for name in TrainState._fields})
    return state, "its checksum differs" if (checksum(state) != found["checksum"]).any() else ""


def _asked(manager, step: int, wanted):
    """Shapes and shardings of what is in a checkpoint."""
    if not isinstance(wanted, jax.sharding.Sharding):
        return wanted
    shapes = manager.item_metadata(step).tree
    return jax.tree.map(lambda m: jax.ShapeDtypeStruct(m.shape, m.dtype, sharding=wanted), shapes)


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Where reading fails, Orbax leaves coroutines behind, of which Python complains at length when they go (most of it)."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        gc.collect()
        sys.unraisablehook = hook
