"""The record of what a folder was begun with, so that a second run with other settings does not mix its results in.

Workdirs, corpora, cached targets and journals of mining keep one: a JSON object that describes what makes them.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError


def read_record(path: Path) -> dict[str, Any]:
    """The description in a record.

    Raises:
      UserError: if the file is no JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not a file that s3rl_jax wrote: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: not a file that s3rl_jax wrote; expected a JSON object")
    return values


def differences(path: Path, description: Mapping[str, Any], name: str = "") -> list[str]:
    """Compares a description with the recorded one, field by field.

    Args:
      path: of the record.
      description: what the folder is to be continued with.
      name: what the fields are called in the answer: `name.field`.

    Returns:
      A text for each field that differs, such as "config.seed was 0, is 1"; none where there is no record.

    Raises:
      UserError: if the record cannot be read.
    """
    return list(_differing(read_record(path), description, name)) if path.is_file() else []


def write_record(path: Path, description: Mapping[str, Any]) -> None:
    """Writes a description, whole or not at all, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with durably(path) as file:
        json.dump(description, file, indent=2)


def _differing(recorded: Mapping, description: Mapping, name: str) -> Iterator[str]:
    for key in sorted(recorded.keys() | description.keys()):
        before, now = recorded.get(key), description.get(key)
        field = f"{name}.{key}" if name else key
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _differing(before, now, field)
        elif before != now:
            yield f"{field} was {before!r}, is {now!r}"
