"""The exceptions that commands turn into one line and an exit status; `UserError` means that the user's input is wrong."""

from collections.abc import Mapping
from typing import Any


class UserError(Exception):
    """The user's input is wrong: the message names the flag, field or file, its value, and what is expected."""


def one_line(error: BaseException | str) -> str:
    """The message of an error, which may have several lines, as one line."""
    return " ".join(str(error).split())


def lookup(table: Mapping[str, Any], name: str, field: str) -> Any:
    """Looks up the entry of a table whose name a config field or flag holds.

    Args:
      table: the entries by name.
      name: value of the field.
      field: name of the field, for the message.

    Raises:
      UserError: if there is no such entry; lists the names of the table.
    """
    if name not in table:
        raise UserError(f"{field}={name!r}: expected one of {', '.join(table)}")
    return table[name]


class NonFiniteLoss(RuntimeError):
    """A loss term became NaN or infinite. The last checkpoint was saved before that."""


class NotSaved(RuntimeError):
    """A checkpoint or the log could not be written. Earlier checkpoints are whole."""


class LostProcess(RuntimeError):
    """Another process of the run died or cannot be reached."""


class Preempted(Exception):
    """SIGTERM ended the run; the message says which step was saved."""
