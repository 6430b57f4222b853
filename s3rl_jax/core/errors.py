"""The one exception that means: the user's input is wrong (exit status 2, one line, no traceback)."""

from collections.abc import Mapping
from typing import Any


class UserError(Exception):
    """Says which flag, field or file is wrong, what was found there and what is expected."""


def lookup(table: Mapping[str, Any], name: str, field: str) -> Any:
    """The entry of a table that a config field names.

    Raises:
      UserError: listing what there is.
    """
    if name not in table:
        raise UserError(f"{field}={name!r}: expected one of {', '.join(table)}")
    return table[name]


class NonFiniteLoss(RuntimeError):
    """A loss term became NaN or infinite; the last checkpoint is from before."""


class NotSaved(RuntimeError):
    """A checkpoint or the log could not be written; the checkpoints before are whole."""


class LostProcess(RuntimeError):
    """Another process of the run died or cannot be reached."""


class Preempted(Exception):
    """SIGTERM; says what was saved before the end."""
