"""python -m s3rl_jax.starter: writes the starter set's corpus, if it is not there, and prints what is in it."""

from s3rl_jax.core.commandline import Parser, run


def main() -> None:
    Parser(prog="s3rl_jax.starter", description="Writes the starter set's corpus into the user's cache.").parse_args()

    from s3rl_jax.corpus.starter import starter_folder
    from s3rl_jax.prepare.summary import describe
    from s3rl_jax.starter.unpacking import unpack

    folder = str(starter_folder())
    print(describe(unpack(), folder))
    print(folder)


if __name__ == "__main__":
    run(main)
