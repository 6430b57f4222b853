"""python -m s3rl_jax.train --config=configs/distill.py --workdir=W [--config.field=value ...]."""

import sys

from s3rl_jax import configuration
from s3rl_jax.commandline import run


def main() -> None:
    arguments = configuration.parse(sys.argv, "--config=configs/distill.py --workdir=runs/distilled")
    from s3rl_jax import experiment

    configuration.train(experiment.run, *arguments)


if __name__ == "__main__":
    run(main)
