"""python -m s3rl_jax.ablate --config=configs/ablation.py --workdir=W [--config.field=value ...]."""

import sys

from s3rl_jax.core.commandline import exit_at_once, run
from s3rl_jax.core.messages import LOGGER

EXAMPLE = "--config=configs/ablation.py --workdir=runs/ablation"


def main() -> None:
    with exit_at_once():
        from s3rl_jax.train.flags import parse, require, train

        command = parse(sys.argv, EXAMPLE)
        require("workdir", EXAMPLE)
        from s3rl_jax.ablate import ablation
    train(ablation.run, command)
    LOGGER.info(f"done: {command.workdir}")
    print((command.workdir / ablation.TABLE).read_text(encoding="utf-8"))


if __name__ == "__main__":
    run(main)
