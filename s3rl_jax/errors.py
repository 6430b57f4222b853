"""The one exception that means: the user's input is wrong (exit status 2, one line, no traceback)."""


class UserError(Exception):
    """Says which flag, field or file is wrong, what was found there and what is expected."""
