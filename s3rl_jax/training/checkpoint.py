"""Checkpoints through Orbax: written beside the run, asynchronously, the newest few kept."""

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from s3rl_jax.errors import UserError

FOLDER = "checkpoints"


class Checkpoints:
    """The checkpoints of one workdir."""

    def __init__(self, workdir: Path):
        options = ocp.CheckpointManagerOptions(max_to_keep=2, enable_async_checkpointing=True)
        self._manager = ocp.CheckpointManager((workdir / FOLDER).absolute(), options=options)

    def latest(self) -> int | None:
        """Step of the newest checkpoint."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any) -> None:
        if step not in self._manager.all_steps():
            self._manager.save(step, args=ocp.args.StandardSave(state))

    def restore(self, state: Any) -> Any:
        """The newest checkpoint, in the shapes and shardings of `state`."""
        wanted = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
        return self._manager.restore(self.latest(), args=ocp.args.StandardRestore(wanted))

    def close(self) -> None:
        """Waits until everything is on disk."""
        self._manager.wait_until_finished()
        self._manager.close()


def read_params(workdir: str | Path, flag: str) -> Any:
    """The parameters of a run's newest checkpoint, as NumPy arrays.

    Raises:
      UserError: naming `flag`, if there is no checkpoint.
    """
    folder = Path(workdir) / FOLDER
    if not folder.is_dir():
        raise UserError(f"{flag}={workdir}: no {FOLDER}/ there; expected a workdir of python -m s3rl_jax.train")
    # Its own device is where each array goes, whatever mesh wrote it.
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    with ocp.CheckpointManager(folder.absolute(), item_handlers=ocp.StandardCheckpointHandler()) as manager:
        step = manager.latest_step()
        if step is None:
            raise UserError(f"{flag}={workdir}: no finished checkpoint in {FOLDER}/; let the run reach its first one")
        wanted = jax.tree.map(
            lambda m: jax.ShapeDtypeStruct(m.shape, m.dtype, sharding=device), manager.item_metadata(step).tree
        )
        restored = manager.restore(step, args=ocp.args.StandardRestore(wanted))
    return jax.device_get(restored["params"])
