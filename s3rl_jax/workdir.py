"""What a run leaves: config.json, checkpoints/, metrics.jsonl, TensorBoard events, report/."""

import json
from pathlib import Path

from ml_collections import ConfigDict

from s3rl_jax.errors import UserError

CONFIG, LOG = "config.json", "metrics.jsonl"
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


def claim(workdir: Path, config: ConfigDict, allow_change: bool) -> None:
    """Writes config.json, or compares it with the one that is there.

    Raises:
      UserError: if the run was begun with another configuration; lists what differs.
    """
    path = workdir / CONFIG
    wanted = json.loads(config.to_json())
    if path.is_file() and not allow_change:
        try:
            begun = _values(path)
        except ValueError as error:
            raise UserError(f"--workdir={workdir}: {CONFIG} is not one that s3rl_jax.train wrote") from error
        if differing := list(_differences(begun, wanted, "config")):
            raise UserError(
                f"--workdir={workdir}: begun with another configuration: {'; '.join(differing)}. "
                "Name another workdir, or go on with --allow_changed_config"
            )
    workdir.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted, indent=2))


def logged(workdir: Path) -> list[dict]:
    """The lines of metrics.jsonl; none where there is no such file."""
    path = workdir / LOG
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


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
