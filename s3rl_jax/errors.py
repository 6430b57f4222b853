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
