"""The flags of the commands that train (--config, --workdir, --config.field=value), and the ends of these commands."""

import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from absl import flags
from ml_collections import ConfigDict, config_flags

from s3rl_jax.core.commandline import exit_at_once
from s3rl_jax.core.errors import UserError
from s3rl_jax.runs.config_file import load_config
from s3rl_jax.train.fields import check_fields

_HELP = flags.DEFINE_bool("help", False, "Show the flags.", short_name="h")
_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Configuration: a name such as distill, or a file such as configs/distill.py; :VARIANT may follow."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for checkpoints, metrics and logs; a run in it is continued.")
_ALLOW = flags.DEFINE_bool(
    "allow_changed_config", False, "Continue a run although it was begun with another configuration or other code."
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator", "", "For several processes: ADDRESS:PORT of process 0, or auto (Slurm, Open MPI, TPU pods)."
)
_PROCESSES = flags.DEFINE_integer("processes", 1, "Number of processes; with --coordinator=ADDRESS:PORT.")
_PROCESS = flags.DEFINE_integer("process", 0, "Index of this process, from 0; with --coordinator=ADDRESS:PORT.")
_PREEMPTED = flags.DEFINE_integer(
    "preempted_status", 0, "Exit status after SIGTERM, for schedulers that take 0 for a finished run."
)
_CACHE = flags.DEFINE_string(
    "compile_cache",
    os.environ.get("JAX_COMPILATION_CACHE_DIR", str(Path.home() / ".cache" / "s3rl_jax")),
    "Folder for compiled programs, so that a run starts faster the second time; empty: none.",
)


class _ConfigParser(flags.ArgumentParser):
    """Loads the configuration of --config."""

    def parse(self, argument: str) -> ConfigDict:
        return load_config(argument)

    def flag_type(self) -> str:
        return "config"


flags.FLAGS["config"].parser = _ConfigParser()


class TrainingCommand(NamedTuple):
    """The command line of a command that trains.

    Attributes:
      config: the configuration, with the values of --config.field=value.
      workdir: --workdir; the current folder if it is not given.
      allow_changed_config: whether to continue a run that was begun with another configuration or other code.
    """

    config: ConfigDict
    workdir: Path
    allow_changed_config: bool


def parse(arguments: list[str], example: str, module: str = "") -> TrainingCommand:
    """Parses the command line. With --help, prints the flags and exits.

    Args:
      arguments: name of the command, then its arguments.
      example: flags to show as an example if one is missing.
      module: module that defines more flags of the command, for --help.

    Raises:
      UserError: for an argument that is no flag, a value that a flag or a field cannot have, and a --config that cannot be
        loaded.
    """
    try:
        rest = flags.FLAGS(arguments)
    except (AttributeError, KeyError) as error:  # raised by config_flags for a field that the config does not have
        raise UserError(f"--config: no such field: {_message(error)}") from error
    except (flags.Error, TypeError, ValueError) as error:
        raise UserError(_message(error)) from error
    if _HELP.value:
        print(_usage(example, module))
        sys.exit(0)
    if len(rest) > 1:
        raise UserError(f"{rest[1]!r}: not a flag; expected --name=value")
    require("config", example)
    check_fields(_CONFIG.value)
    return TrainingCommand(_CONFIG.value, Path(_WORKDIR.value or "."), _ALLOW.value)


def require(name: str, example: str) -> None:
    """Raises a UserError with an example if a flag is missing."""
    if not flags.FLAGS[name].present:
        raise UserError(f"--{name} is missing; for example {example}")


def train(run: Callable[[ConfigDict, Path, bool], object], command: TrainingCommand) -> None:
    """Calls `run(config, workdir, allow_changed_config)`, after joining the other processes if there are any.

    If the run ends early, prints one line. The exit status is --preempted_status (default 0) after SIGTERM: the state is saved,
    and the same command continues. It is 1 for a loss that is not finite, a full disk, or another process that died.
    """
    with exit_at_once():
        import jax

        from s3rl_jax.core.errors import LostProcess, NonFiniteLoss, NotSaved, Preempted
        from s3rl_jax.engine.processes import join, leave

    again = f"resume with: python -m {_module()} {shlex.join(sys.argv[1:])}"
    if not _COORDINATOR.value:
        signal.signal(signal.SIGTERM, _raise_preempted)
    jax.config.update("jax_compilation_cache_dir", _CACHE.value or None)
    join(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
    try:
        run(*command)
    except Preempted as stopped:
        print(f"\nstopped by SIGTERM: {stopped}; {again}", file=sys.stderr)
        sys.exit(_PREEMPTED.value)
    except (NonFiniteLoss, NotSaved) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        if jax.process_count() > 1:
            leave("")
        sys.exit(1)
    except LostProcess as error:
        leave(f"\nerror: {error}; {again}")


def _raise_preempted(number, frame):
    """Handles SIGTERM outside the steps of a run; the steps have a handler that saves first."""
    from s3rl_jax.core.errors import Preempted

    raise Preempted("there was nothing to save")


def _usage(example: str, module: str) -> str:
    sections = [flags.FLAGS.module_help(name).strip() for name in (__name__, module)]
    lines = [section.partition("\n")[2] for section in sections]  # without the module's name
    return f"usage: python -m {_module()} {example} [--config.FIELD=VALUE ...]\n" + "\n".join(filter(None, lines))


def _module() -> str:
    spec = sys.modules["__main__"].__spec__
    return spec.name.removesuffix(".__main__") if spec else "s3rl_jax.train"


def _message(error: BaseException) -> str:
    """The message of the innermost error, on one line: config_flags wraps an error into another."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    return " ".join(str(error.args[0] if error.args else error).split()) or repr(error)
