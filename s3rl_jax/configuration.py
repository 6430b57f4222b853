"""--config, --workdir and --config.field=value: what the commands that train are told."""

import sys
from collections.abc import Callable
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from s3rl_jax.errors import UserError

_CONFIG = config_flags.DEFINE_config_file("config", None, "What to train: a file of configs/, or of your own.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for checkpoints, metrics and logs; a run in it is continued.")
_ALLOW = flags.DEFINE_bool("allow_changed_config", False, "Continue a run although its configuration was another.")


def parse(arguments: list[str], example: str) -> tuple[ConfigDict, Path, bool]:
    """The configuration, the workdir, and whether a run of another configuration may be continued.

    Args:
      arguments: of the command, its name first.
      example: what to name where a flag is missing.

    Raises:
      UserError: for what is no flag, and for a file that gives no configuration.
    """
    try:
        rest = flags.FLAGS(arguments)
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(_first_line(error)) from error
    if len(rest) > 1:
        raise UserError(f"{rest[1]!r}: not a flag; expected --name=value")
    for name in ("config", "workdir"):
        if not any(argument.removeprefix("-").startswith(f"-{name}") for argument in arguments):
            raise UserError(f"--{name} is missing; for example {example}")
    try:
        if not callable(_CONFIG.value.get):
            raise TypeError("get_config returns no ConfigDict")
    except (OSError, AttributeError, TypeError) as error:  # config_flags keeps what went wrong until the value is asked for
        raise UserError(f"--config: not a file whose get_config gives a ConfigDict: {' '.join(str(error).split())}") from error
    return _CONFIG.value, Path(_WORKDIR.value), _ALLOW.value


def train(run: Callable[[ConfigDict, Path, bool], object], *arguments) -> None:
    """Runs it and says where what it made lies; a loss that is not finite is exit status 1, in one line."""
    from s3rl_jax.training.loop import NonFiniteLoss

    try:
        run(*arguments)
    except NonFiniteLoss as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    print(f"done: {_WORKDIR.value}", file=sys.stderr)


def _first_line(error: BaseException) -> str:
    return (str(error.args[0] if isinstance(error, KeyError) and error.args else error) or repr(error)).splitlines()[0]
