"""What a run leaves: config.json, code.json, checkpoints/, metrics.jsonl, TensorBoard events, report/."""

import json
from pathlib import Path

from ml_collections import ConfigDict

from s3rl_jax.core.claim import differences, read_record, record
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.runs.code_version import code_version

CONFIG, CODE, LOG = "config.json", "code.json", "metrics.jsonl"
CHECKPOINTS = "checkpoints"
MEMBERS = "members"  # of a sweep: a workdir each


def read_config(workdir: str | Path, flag: str, task: str | None = None) -> ConfigDict:
    """The configuration that a run was made with.

    Raises:
      UserError: naming `flag`, if this is no workdir, or one of another task.
    """
    path = Path(workdir) / CONFIG
    if not path.is_file():
        raise UserError(f"{flag}={workdir}: no {CONFIG} there; expected a workdir of python -m s3rl_jax.train")
    try:
        values = read_record(path)
        config = ConfigDict({name: value for name, value in values.items() if name != "sweep"})
        found = config.task
    except (UserError, AttributeError) as error:
        raise UserError(f"{flag}={workdir}: {CONFIG} is not one that s3rl_jax.train wrote") from error
    if values.get("sweep"):
        members = sorted(member.name for member in (path.parent / MEMBERS).glob("*"))
        raise UserError(f"{flag}={workdir}: a sweep; expected one of its members, {workdir}/{MEMBERS}/: {', '.join(members)}")
    if task is not None and found != task:
        raise UserError(f"{flag}={workdir}: a workdir of task {found}; expected {task}")
    return config


def claim(workdir: Path, config: ConfigDict, allow_change: bool, process: int = 0) -> None:
    """Writes config.json and code.json, or compares with those that are there.

    Args:
      workdir: of the run.
      config: of the run.
      allow_change: whether to say what differs, and go on.
      process: of several; the first one writes.

    Raises:
      UserError: if the run was begun with another configuration, or is to go on with other code; lists what differs.
    """
    path, code = workdir / CONFIG, workdir / CODE
    wanted, running = json.loads(config.to_json()), code_version()
    reached = saved_steps(workdir)
    goes_on = bool(reached) and reached[-1] < config.get("steps", 0)
    differing = differences(path, wanted, "config")
    if goes_on:
        differing += differences(code, running, "code")
    if differing and not allow_change:
        raise UserError(
            f"--workdir={workdir}: begun with another configuration or other code: {'; '.join(differing)}. "
            "Name another workdir, or go on with --allow_changed_config"
        )
    if process:
        return
    if differing:
        LOGGER.warning(f"{workdir} goes on although {'; '.join(differing)}")
    record(path, wanted)
    if goes_on or not reached:  # a finished run keeps the code version that made it
        record(code, running)


def saved_steps(workdir: Path) -> list[int]:
    """Of the checkpoints that are there, in order. Orbax gives a checkpoint its name when it is whole."""
    return sorted(int(entry.name) for entry in (workdir / CHECKPOINTS).glob("*") if entry.name.isdigit())


def logged(workdir: Path) -> list[dict]:
    """The lines of metrics.jsonl; none where there is no such file. A run that was killed may have cut the last one."""
    path, rows = workdir / LOG, []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
