"""python -m s3rl_jax.mine --workdir=W --corpus=CORPUS [--split=train] [--out=DIR]."""

from pathlib import Path

from s3rl_jax.core.commandline import Parser, run
from s3rl_jax.core.domains import Number, Whole


def main() -> None:
    parser = Parser(
        prog="s3rl_jax.mine", description="Scores audio without the keyword; writes the stretches in which a detector fires."
    )
    parser.add_argument("--workdir", required=True, help="workdir of python -m s3rl_jax.train --config=configs/finetune.py")
    parser.add_argument("--corpus", required=True, help="one corpus or several, comma-separated; it needs no labels")
    parser.add_argument("--split", default="train", help="one split, or several joined with + (default train)")
    parser.add_argument("--out", default="", help="folder of the corpus to write (default WORKDIR/mined)")
    parser.add_number("--threshold", Number(0, 1, above=True), 0.1, help="lowest score that fires (default 0.1)")
    parser.add_number("--most", Whole(1), 2000, help="number of firings to keep, by score (default 2000)")
    args = parser.parse_args()

    from s3rl_jax.mine.mining import FOLDER, mine

    out = args.out or str(Path(args.workdir) / FOLDER)
    result = mine(args.workdir, args.corpus, args.split, out, args.threshold, args.most)
    print(f"{result.firings} firings in {result.hours:.2f} h, up to {result.highest:.2f}; {result.kept} kept")
    print(
        f"next: python -m s3rl_jax.train --config=configs/finetune.py:mined --workdir={args.workdir}-mined "
        f"--config.init={args.workdir} --config.data.corpus={args.corpus},{out}"
    )


if __name__ == "__main__":
    run(main)
