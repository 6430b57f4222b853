"""python -m s3rl_jax.prepare --source=DIR_OR_MANIFEST --out=CORPUS, or --synthesize="alexa,..." --out=CORPUS."""

import tempfile

from s3rl_jax.commandline import Parser, run
from s3rl_jax.errors import UserError


def main() -> None:
    parser = Parser(prog="s3rl_jax.prepare", description="Audio files, or a speech synthesiser, to a corpus.")
    parser.add_argument("--source", help="a folder of WAV/FLAC/OGG/MP3 files, or a manifest.csv")
    parser.add_argument("--synthesize", help="keywords, comma-separated, to be spoken by the embedded synthesiser")
    parser.add_argument("--minutes", type=float, default=60.0, help="how much speech to synthesise (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="of the synthesiser's choices")
    parser.add_argument("--out", required=True, help="the corpus to write; must not exist")
    args = parser.parse_args()
    if bool(args.source) == bool(args.synthesize):
        raise UserError("expected either --source or --synthesize")

    from s3rl_jax.data.manifest import read_source
    from s3rl_jax.data.preparation import describe, prepare

    if args.source:
        summary = prepare(read_source(args.source), args.out)
    else:
        from s3rl_jax.data.synthesis import synthesise

        with tempfile.TemporaryDirectory() as folder:
            keywords = [word.strip() for word in args.synthesize.split(",") if word.strip()]
            synthesise(keywords, folder, args.minutes, args.seed)
            summary = prepare(read_source(folder), args.out)
    print(describe(summary, args.out))


if __name__ == "__main__":
    run(main)
