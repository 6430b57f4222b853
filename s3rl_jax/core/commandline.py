"""The start and the end of every command: one line and exit status 2 for a user's mistake."""

import argparse
import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator

from s3rl_jax.core.domains import Number, Whole
from s3rl_jax.core.errors import UserError, one_line


class Parser(argparse.ArgumentParser):
    """An `argparse` parser that raises `UserError`, so that a wrong flag gives one line."""

    def add_number(self, flag: str, domain: Whole | Number, default: int | float | None, **options: str) -> None:
        """Adds a flag whose value is a number of a domain; raises UserError for another value."""

        def parsed(text: str) -> int | float:
            with contextlib.suppress(ValueError):
                value = int(text) if isinstance(domain, Whole) else float(text)
                if value in domain:
                    return value
            raise UserError(f"{flag}={text}: expected {domain}")

        self.add_argument(flag, type=parsed, default=default, **options)

    def error(self, message: str):
        raise UserError(f"{message} (see --help)")


class Terminated(SystemExit):
    """SIGTERM as an exception, so that `finally` blocks remove temporary files."""


def run(main: Callable[[], None]) -> None:
    """Calls `main`; its failures end in one line on standard error.

    Exit status: 2 for a `UserError`, 1 for an error of the operating system (a full disk, a file that cannot be written), 130
    for Ctrl-C, 143 for SIGTERM; 0 where the program that reads standard output has ended.
    """
    signal.signal(signal.SIGTERM, _raise_terminated)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a test may replace it
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error: the name of a file may be no UTF-8
    try:
        main()
        sys.stdout.flush()
    except UserError as error:
        print("error: " + one_line(error), file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        _discard_output()
        sys.exit(0)
    except OSError as error:
        _discard_output()
        print(f"error: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except Terminated:
        print("terminated", file=sys.stderr)
        raise


@contextlib.contextmanager
def exit_at_once() -> Iterator[None]:
    """Makes Ctrl-C and SIGTERM end the process in the signal handler itself, while the block inside imports modules and
    reads flags.

    An exception that a handler raises during an import may become an ImportError; in a finalizer or in JAX's callback of the
    garbage collector it is ignored, and the command goes on. So early there is nothing to clean up.
    """
    endings = {signal.SIGINT: b"interrupted\n", signal.SIGTERM: b"terminated\n"}

    def end(number, frame):
        os.write(2, endings[number])
        os._exit(128 + number)

    previous = {number: signal.signal(number, end) for number in endings}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _raise_terminated(number, frame):
    raise Terminated(128 + number)


def _discard_output() -> None:
    """Discards the buffer of standard output; Python would otherwise flush it at exit, and fail a second time."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: a standard output that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
