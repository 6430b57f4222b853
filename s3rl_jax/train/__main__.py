"""python -m s3rl_jax.train --config=configs/distill.py --workdir=W [--config.field=value ...]."""

from s3rl_jax.core.commandline import exit_at_once, run


def main() -> None:
    with exit_at_once():
        from s3rl_jax.train import command
    command.main()


if __name__ == "__main__":
    run(main)
