"""The command line of `python -m s3rl_jax.train`."""

import functools
import sys

from absl import flags

from s3rl_jax.core.commandline import exit_at_once
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.train.flags import parse, require, train

_DRY_RUN = flags.DEFINE_bool(
    "dry_run", False, "Compile, run a few steps, print the cost of the run, write nothing. Needs no --workdir."
)
_PROFILE = flags.DEFINE_bool("profile", False, "Write a trace of a few steps to WORKDIR/profile.")
EXAMPLE = "--config=configs/distill.py --workdir=runs/distilled"


def main() -> None:
    """Trains by --config; with --dry_run, measures the cost of that."""
    with exit_at_once():
        command = parse(sys.argv, EXAMPLE, __name__)
        if not _DRY_RUN.value:
            require("workdir", EXAMPLE)
        from s3rl_jax.train import run as training

    if _DRY_RUN.value:
        train(lambda config, *_: training.dry_run(config), command)
    else:
        train(functools.partial(training.run, profile=_PROFILE.value), command)
        LOGGER.info(f"done: {command.workdir}")
