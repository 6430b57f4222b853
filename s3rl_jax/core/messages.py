"""Messages to the user on standard error: one logger, one handler, one filter for the process.

LOGGER.info("12 recordings are read")      # 12 recordings are read
LOGGER.warning("the disk is nearly full")  # warning: the disk is nearly full
show_status("step 10 of 100")              # rewritten in place on a terminal, a new line in a log
"""

import logging
import sys

LOGGER = logging.getLogger("s3rl_jax")


class _StandardError(logging.Handler):
    """Writes to `sys.stderr` as it is at each call, because notebooks and tests replace it."""

    def __init__(self):
        super().__init__()
        self._status_is_open = False  # whether the last line is a status without a newline

    def emit(self, record: logging.LogRecord) -> None:
        prefix = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        self.close_status()
        print(f"{prefix}{record.getMessage()}", file=sys.stderr, flush=True)

    def status(self, text: str) -> None:
        self._status_is_open = sys.stderr.isatty()
        start, end = ("\r\x1b[K", "") if self._status_is_open else ("", "\n")
        print(f"{start}{text}", end=end, file=sys.stderr, flush=True)

    def close_status(self) -> None:
        if self._status_is_open:
            print(file=sys.stderr, flush=True)
        self._status_is_open = False


_HANDLER = _StandardError()
LOGGER.addHandler(_HANDLER)
LOGGER.setLevel(logging.INFO)
LOGGER.propagate = False


def show_errors_only() -> None:
    """Hides messages below errors: in a run of several processes, process 0 alone prints them."""
    LOGGER.setLevel(logging.ERROR)


def show_status(text: str) -> None:
    """Shows the progress of a long job. On a terminal the line is rewritten in place; in a log each call adds a line."""
    if LOGGER.isEnabledFor(logging.INFO):
        _HANDLER.status(text)


def close_status() -> None:
    """Ends a status line, so that the next message begins on a new line."""
    _HANDLER.close_status()
