"""How every command starts and ends: one line and exit status 2 for a user's mistake."""

import argparse
import os
import sys
from collections.abc import Callable

from s3rl_jax.core.errors import UserError


class Parser(argparse.ArgumentParser):
    """argparse whose complaints fit on one line."""

    def error(self, message: str):
        raise UserError(f"{message} (see --help)")


def run(main: Callable[[], None]) -> None:
    """Calls `main` and turns a `UserError` into one line on standard error and exit status 2."""
    try:
        main()
        sys.stdout.flush()
    except UserError as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output (head, say) has gone. Standard output must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
