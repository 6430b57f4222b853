"""The trained parameters of a run, for the commands that use them."""

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.runs.choice import chosen_step
from s3rl_jax.runs.restore import read_state
from s3rl_jax.runs.workdir import CHECKPOINTS


def read_params(workdir: str | Path, flag: str) -> Any:
    """Reads parameters as `read_params_and_step` does, without the step."""
    return read_params_and_step(workdir, flag)[0]


def read_params_and_step(workdir: str | Path, flag: str) -> tuple[Any, int]:
    """Reads the checkpoint that a run has chosen, or the newest one: the average of the parameters where the run keeps one.

    Of a checkpoint that cannot be read there is a warning, and the next older one is read.

    Args:
      workdir: path of the workdir.
      flag: the flag or field that names it, for messages.

    Returns:
      The parameters as NumPy arrays, and the step.

    Raises:
      UserError: if there is no checkpoint, or none that can be read.
    """
    folder = Path(workdir) / CHECKPOINTS
    if not folder.is_dir():
        raise UserError(f"{flag}={workdir}: no {CHECKPOINTS}/ there; expected a workdir of python -m s3rl_jax.train")
    # Places each array on one device, whatever the mesh of the run that wrote it.
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    with ocp.CheckpointManager(folder.absolute(), item_handlers=ocp.StandardCheckpointHandler()) as manager:
        chosen = chosen_step(Path(workdir))
        steps = sorted(manager.all_steps(), key=lambda step: (step == chosen, step), reverse=True)
        if not steps:
            raise UserError(f"{flag}={workdir}: no finished checkpoint in {CHECKPOINTS}/; let the run reach its first one")
        for step in steps:
            state, reason = read_state(manager, step, device)
            if state is not None:
                return jax.device_get(state.result), step
            LOGGER.warning(f"{flag}={workdir}: the checkpoint of step {step} cannot be read ({reason})")
    raise UserError(f"{flag}={workdir}: no checkpoint in {CHECKPOINTS}/ can be read")
