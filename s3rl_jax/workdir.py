"""What a run leaves: config.json, code.json, checkpoints/, metrics.jsonl, TensorBoard events, report/."""

import json
import sys
from pathlib import Path

from ml_collections import ConfigDict

from s3rl_jax.code_version import code_version
from s3rl_jax.durable import durably
from s3rl_jax.errors import UserError

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
        values = _values(path)
        config = ConfigDict({name: value for name, value in values.items() if name != "sweep"})
        found = config.task
    except (ValueError, AttributeError) as error:
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
    differing = []
    if path.is_file():
        try:
            differing += _differences(_values(path), wanted, "config")
            if goes_on and code.is_file():
                differing += _differences(_values(code), running, "code")
        except ValueError as error:
            raise UserError(f"--workdir={workdir}: {CONFIG} or {CODE} is not one that s3rl_jax.train wrote") from error
    if differing and not allow_change:
        raise UserError(
            f"--workdir={workdir}: begun with another configuration or other code: {'; '.join(differing)}. "
            "Name another workdir, or go on with --allow_changed_config"
        )
    if process:
        return
    if differing:
        print(f"warning: {workdir} goes on although {'; '.join(differing)}", file=sys.stderr)
    workdir.mkdir(parents=True, exist_ok=True)
    with durably(path) as file:
        file.write(json.dumps(wanted, indent=2))
    if goes_on or not reached:  # else the code that made it is what it was
        with durably(code) as file:
            file.write(json.dumps(running, indent=2))


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


def _values(path: Path) -> dict:
    values = json.loads(path.read_text())
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected an object")
    return values


def _differences(begun, wanted, name):
    for key in sorted(begun.keys() | wanted.keys()):
        before, now = begun.get(key), wanted.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _differences(before, now, f"{name}.{key}")
        elif before != now:
            yield f"{name}.{key} was {before!r}, is {now!r}"
