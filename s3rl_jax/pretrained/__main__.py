"""python -m s3rl_jax.pretrained --workdir=W --out=NAME [--teacher=TEXT] [--sources=TEXT]: packs a distilled student."""

from s3rl_jax.core.commandline import Parser, run


def main() -> None:
    parser = Parser(
        prog="s3rl_jax.pretrained", description="Packs the student of a distillation into NAME.safetensors, with a model card."
    )
    parser.add_argument("--workdir", required=True, help="workdir of python -m s3rl_jax.train --config=configs/distill.py")
    parser.add_argument("--out", required=True, help="NAME of the files to write: NAME.safetensors and NAME.md")
    parser.add_argument("--teacher", default="", help="name of the teacher for the card (default: config.teacher.source)")
    parser.add_argument("--sources", default="", help="a sentence about the audio for the card")
    parser.add_argument("--commands", default="", help="commands for the card that repeat the training (default: the run's)")
    args = parser.parse_args()

    from s3rl_jax.pretrained.packing import pack

    card = pack(args.workdir, args.out, args.teacher, args.sources, args.commands).card
    print(f"{args.out}: {card['student']['size']}, {card['steps']} steps, {card['hours']} hours of speech")


if __name__ == "__main__":
    run(main)
