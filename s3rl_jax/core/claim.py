"""The record of a folder: a JSON object with the settings that its content was produced with.

Workdirs, corpora, cached targets and journals of mining keep one. A later command compares its settings with the record, so
that a folder never mixes results of different settings.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError


def read_record(path: Path) -> dict[str, Any]:
    """Reads a record.

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
      path: the record.
      description: the settings of the command that wants to continue in the folder.
      name: prefix of the field names in the result: `name.field`.

    Returns:
      One text for each field that differs, such as "config.seed was 0, is 1"; an empty list where there is no record.

    Raises:
      UserError: if the record cannot be read.
    """
    if not path.is_file():
        return []
    changes = changed_fields(read_record(path), description, name)
    return [f"{field} was {before!r}, is {now!r}" for field, before, now in changes]


def write_record(path: Path, description: Mapping[str, Any]) -> None:
    """Creates the record's folder, and writes the record whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with durably(path) as file:
        json.dump(description, file, indent=2)


def changed_fields(before: Mapping, now: Mapping, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yields (path, old value, new value) for each field that differs; a value is None where a mapping lacks the field."""
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        field = f"{name}.{key}" if name else key
        if isinstance(old, dict) and isinstance(new, dict):
            yield from changed_fields(old, new, field)
        elif old != new:
            yield field, old, new
