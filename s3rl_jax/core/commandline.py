"""How every command starts and ends: one line and exit status 2 for a user's mistake."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable

from s3rl_jax.core.errors import UserError


class Parser(argparse.ArgumentParser):
    """argparse whose complaints fit on one line."""

    def error(self, message: str):
        raise UserError(f"{message} (see --help)")


def run(main: Callable[[], None]) -> None:
    """Calls `main`; its failures end in one line on standard error.

    Exit status: 2 for a `UserError`, 1 for an error of the operating system (a full disk, a file that cannot be written), 130
    for Ctrl-C; 0 where the reader of standard output has gone.
    """
    try:
        main()
        sys.stdout.flush()
    except UserError as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
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


def _discard_output() -> None:
    """Sends to nowhere what is still buffered for standard output, which Python would flush, and fail, once more at exit."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: a standard output that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
