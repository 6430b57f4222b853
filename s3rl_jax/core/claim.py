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
    if not path.is_file():
        return []
    changes = changed_fields(read_record(path), description, name)
    return [f"{field} was {before!r}, is {now!r}" for field, before, now in changes]


def write_record(path: Path, description: Mapping[str, Any]) -> None:
    """Writes a description, whole or not at all, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with durably(path) as file:
        json.dump(description, file, indent=2)


def changed_fields(before: Mapping, now: Mapping, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Path, value before and value now of each field that differs; None where one of the two has no such field."""
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        field = f"{name}.{key}" if name else key
        if isinstance(old, dict) and isinstance(new, dict):
            yield from changed_fields(old, new, field)
        elif old != new:
            yield field, old, new
