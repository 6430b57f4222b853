"""python -m s3rl_jax.ablate --config=configs/ablation.py --workdir=W [--config.field=value ...]."""

import sys

from s3rl_jax.core.commandline import run
from s3rl_jax.train import flags as configuration


def main() -> None:
    asked = configuration.parse(sys.argv, "--config=configs/ablation.py --workdir=runs/ablation")

    from s3rl_jax.ablate import ablation

    configuration.train(ablation.run, asked)
    print((asked.workdir / ablation.TABLE).read_text(encoding="utf-8"))


if __name__ == "__main__":
    run(main)
