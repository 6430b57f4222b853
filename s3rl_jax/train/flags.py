"""--config, --workdir and --config.field=value: what the commands that train are told, and how they end."""

import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from absl import flags
from ml_collections import ConfigDict, config_flags

from s3rl_jax.core.errors import UserError

_CONFIG = config_flags.DEFINE_config_file("config", None, "What to train: a file of configs/, or of your own.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for checkpoints, metrics and logs; a run in it is continued.")
_ALLOW = flags.DEFINE_bool(
    "allow_changed_config", False, "Continue a run although its configuration, or the code that trains, was another."
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator", "", "Of several processes: ADDRESS:PORT of process 0, or auto (Slurm, Open MPI, TPU pods)."
)
_PROCESSES = flags.DEFINE_integer("processes", 1, "How many processes there are; with --coordinator=ADDRESS:PORT.")
_PROCESS = flags.DEFINE_integer("process", 0, "Which of them this is, from 0.")
_PREEMPTED = flags.DEFINE_integer(
    "preempted_status", 0, "Exit status after SIGTERM, for schedulers that take 0 for a run that is done."
)
_CACHE = flags.DEFINE_string(
    "compile_cache",
    os.environ.get("JAX_COMPILATION_CACHE_DIR", str(Path.home() / ".cache" / "s3rl_jax")),
    "Folder for compiled programs, so that a run starts faster the second time; empty: none.",
)


class Asked(NamedTuple):
    """What a command was told."""

    config: ConfigDict
    workdir: Path
    allow_changed_config: bool


def parse(arguments: list[str], example: str, needs_workdir: Callable[[], bool] = lambda: True) -> Asked:
    """The configuration, the workdir, and whether a run of another configuration may be continued.

    Args:
      arguments: of the command, its name first.
      example: what to name where a flag is missing.
      needs_workdir: whether there has to be one; asked when the flags are read.

    Raises:
      UserError: for what is no flag, and for a file that gives no configuration.
    """
    try:
        rest = flags.FLAGS(arguments)
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(_first_line(error)) from error
    if len(rest) > 1:
        raise UserError(f"{rest[1]!r}: not a flag; expected --name=value")
    for name in ("config", "workdir") if needs_workdir() else ("config",):
        if not any(argument.removeprefix("-").startswith(f"-{name}") for argument in arguments):
            raise UserError(f"--{name} is missing; for example {example}")
    try:
        if not callable(_CONFIG.value.get):
            raise TypeError("get_config returns no ConfigDict")
    except (OSError, AttributeError, TypeError) as error:  # config_flags keeps what went wrong until the value is asked for
        raise UserError(f"--config: not a file whose get_config gives a ConfigDict: {' '.join(str(error).split())}") from error
    return Asked(_CONFIG.value, Path(_WORKDIR.value or "."), _ALLOW.value)


def train(run: Callable[..., object], asked: Asked, **options) -> None:
    """Runs it, with the other processes if there are any, and says in one line how it ended.

    Exit status 0 after SIGTERM too (or --preempted_status): what was reached is saved, and the same command goes on. 1 for a
    loss that is not finite, a full disk, another process that died.
    """
    import jax

    from s3rl_jax.core.errors import LostProcess, NonFiniteLoss, NotSaved, Preempted
    from s3rl_jax.engine.processes import join, leave

    again = f"resume with: python -m {_module()} {shlex.join(sys.argv[1:])}"
    if not _COORDINATOR.value:
        signal.signal(signal.SIGTERM, _preempted)
    jax.config.update("jax_compilation_cache_dir", _CACHE.value or None)
    join(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
    try:
        run(*asked, **options)
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
    if jax.process_index() == 0 and not options.get("dry_run"):
        print(f"done: {asked.workdir}", file=sys.stderr)


def _preempted(number, frame):
    """Outside the steps of a run, which save before they end."""
    from s3rl_jax.core.errors import Preempted

    raise Preempted("nothing was to be saved")


def _module() -> str:
    spec = sys.modules["__main__"].__spec__
    return spec.name.removesuffix(".__main__") if spec else "s3rl_jax.train"


def _first_line(error: BaseException) -> str:
    return (str(error.args[0] if isinstance(error, KeyError) and error.args else error) or repr(error)).splitlines()[0]
