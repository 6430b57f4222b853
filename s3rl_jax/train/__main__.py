"""python -m s3rl_jax.train --config=configs/distill.py --workdir=W [--config.field=value ...]."""

import sys

from absl import flags

from s3rl_jax.core.commandline import run
from s3rl_jax.train import flags as configuration

_DRY_RUN = flags.DEFINE_bool(
    "dry_run", False, "Compile, run a few steps, say what the run would cost, write nothing. Needs no --workdir."
)
_PROFILE = flags.DEFINE_bool("profile", False, "Write a trace of a few steps to WORKDIR/profile.")


def main() -> None:
    example = "--config=configs/distill.py --workdir=runs/distilled"
    asked = configuration.parse(sys.argv, example, needs_workdir=lambda: not _DRY_RUN.value)
    from s3rl_jax.train import experiment

    configuration.train(experiment.run, asked, dry_run=_DRY_RUN.value, profile=_PROFILE.value)


if __name__ == "__main__":
    run(main)
