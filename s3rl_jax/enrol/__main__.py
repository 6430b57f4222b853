"""python -m s3rl_jax.enrol M.tflite RECORDING ... --out=ME.json: 3 to 10 recordings of the keyword by one person."""

from pathlib import Path

from s3rl_jax.core.commandline import Parser, run
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.enrol.enrolment import FEWEST, MOST, enrol


def main() -> None:
    parser = Parser(prog="s3rl_jax.enrol", description="Lets a detector hear one person alone (extra: runtime).")
    parser.add_argument("model", help="a .tflite of python -m s3rl_jax.export --voice, its .json beside it")
    parser.add_argument("recordings", nargs="+", help=f"{FEWEST} to {MOST} recordings of the keyword by one person")
    parser.add_argument("--out", required=True, help="the .json to write, for --enrolled of s3rl_jax.detect")
    args = parser.parse_args()
    if not FEWEST <= len(set(args.recordings)) <= MOST:
        raise UserError(f"{len(set(args.recordings))} recordings: expected {FEWEST} to {MOST} different ones")
    enrolled = enrol(args.model, args.recordings, Path(args.out))
    for name, cosine in enrolled.farthest.items():
        expected = f"expected {enrolled.threshold:.2f}"
        LOGGER.warning(f"{name}: unlike the others (cosine {cosine:.2f}, {expected}); is it the same person?")
    print(f"{args.out}: the voice of {len(args.recordings)} recordings")
    print(f"next: python -m s3rl_jax.detect {args.model} YOUR.wav --enrolled={args.out}")


if __name__ == "__main__":
    run(main)
