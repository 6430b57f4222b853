"""The files of a workdir: config.json, code.json, checkpoints/, metrics.jsonl, choice.json, TensorBoard events, report/."""

import json
from pathlib import Path

from ml_collections import ConfigDict

from s3rl_jax.core.claim import differences, read_record, write_record
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.runs.code_version import code_version

CONFIG, CODE, LOG = "config.json", "code.json", "metrics.jsonl"
CHECKPOINTS = "checkpoints"
MEMBERS = "members"  # folder of a sweep that holds the workdir of each member


def read_config(workdir: str | Path, flag: str, task: str | None = None) -> ConfigDict:
    """Reads the configuration of a run.

    Args:
      workdir: workdir of the run.
      flag: the flag or field that names the workdir, for the message.
      task: pretrain, distill or finetune, if the run must have that task; None: any.

    Raises:
      UserError: if this is no workdir, or the workdir of another task or of a sweep.
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
    """Compares configuration and code of a run with the records config.json and code.json, and writes the records.

    Args:
      workdir: workdir of the run.
      config: configuration of the run.
      allow_change: whether differences give a warning instead of an error.
      process: index of this process; process 0 alone writes.

    Raises:
      UserError: if the run was begun with another configuration, or would continue with other code; lists the differences.
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


def listed(paths: str) -> list[str]:
    """The paths of a comma-separated list. One whose name has commas, as the workdir of a sweep's member, is one path."""
    return [paths] if paths and Path(paths).exists() else [path for path in paths.split(",") if path]


def saved_steps(workdir: Path) -> list[int]:
    """Steps of the finished checkpoints, ascending. Orbax renames a checkpoint to its step when it is complete."""
    return sorted(int(entry.name) for entry in (workdir / CHECKPOINTS).glob("*") if entry.name.isdigit())


def read_log(workdir: Path) -> list[dict]:
    """Reads the lines of metrics.jsonl up to the first that is cut off (by a kill); empty if there is no such file."""
    path, rows = workdir / LOG, []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
