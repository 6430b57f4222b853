"""The files of a workdir: config.json, code.json, checkpoints/, metrics.jsonl, TensorBoard events, report/."""

import json
from pathlib import Path

from ml_collections import ConfigDict

from s3rl_jax.core.claim import differences, read_record, write_record
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.runs.code_version import code_version

CONFIG, CODE, LOG = "config.json", "code.json", "metrics.jsonl"
CHECKPOINTS = "checkpoints"
MEMBERS = "members"  # of a sweep: a workdir each


def read_config(workdir: str | Path, flag: str, task: str | None = None) -> ConfigDict:
    """The configuration of a run.

    Args:
      workdir: of the run.
      flag: the flag or field that names the workdir, for the message.
      task: that the run must be of; None: any.

    Raises:
      UserError: naming `flag`, if this is no workdir, or one of another task, or of a sweep.
    """
    path = Path(workdir) / CONFIG
    if not path.is_file():
        raise UserError(f"{flag}={workdir}: no {CONFIG} there; expected a workdir of python -m s3rl_jax.train")
    try:
        values = read_record(path)
        config = ConfigDict({name: value for name, value in values.items() if name != "sweep"})
        recorded_task = config.task
    except (UserError, AttributeError) as error:
        raise UserError(f"{flag}={workdir}: {CONFIG} is not one that s3rl_jax.train wrote") from error
    if values.get("sweep"):
        members = sorted(member.name for member in (path.parent / MEMBERS).glob("*"))
        raise UserError(f"{flag}={workdir}: a sweep; expected one of its members, {workdir}/{MEMBERS}/: {', '.join(members)}")
    if task is not None and recorded_task != task:
        raise UserError(f"{flag}={workdir}: a workdir of task {recorded_task}; expected {task}")
    return config


def claim(workdir: Path, config: ConfigDict, allow_change: bool, process: int = 0) -> None:
    """Records what a run is begun with, in config.json and code.json, or compares it with the record.

    Args:
      workdir: of the run.
      config: of the run.
      allow_change: whether to warn of differences and go on.
      process: index of this process; only process 0 writes.

    Raises:
      UserError: if the run was begun with another configuration, or would go on with other code; lists the differences.
    """
    values, code = json.loads(config.to_json()), code_version()
    steps = saved_steps(workdir)
    goes_on = bool(steps) and steps[-1] < config.get("steps", 0)
    changes = differences(workdir / CONFIG, values, "config")
    if goes_on:
        changes += differences(workdir / CODE, code, "code")
    if changes and not allow_change:
        raise UserError(
            f"--workdir={workdir}: begun with another configuration or other code: {'; '.join(changes)}. "
            "Name another workdir, or go on with --allow_changed_config"
        )
    if process:
        return
    if changes:
        LOGGER.warning(f"{workdir} goes on although {'; '.join(changes)}")
    write_record(workdir / CONFIG, values)
    if goes_on or not steps:  # a finished run keeps its original code.json
        write_record(workdir / CODE, code)


def saved_steps(workdir: Path) -> list[int]:
    """The steps of the whole checkpoints, ascending: Orbax gives a checkpoint its name when it is whole."""
    return sorted(int(entry.name) for entry in (workdir / CHECKPOINTS).glob("*") if entry.name.isdigit())


def read_log(workdir: Path) -> list[dict]:
    """The lines of metrics.jsonl; empty where there is no such file. A last line that a kill has cut is left out."""
    path, rows = workdir / LOG, []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
