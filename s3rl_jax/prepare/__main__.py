"""python -m s3rl_jax.prepare --source=DIR_OR_MANIFEST --out=CORPUS, or --synthesize="alexa,..." --out=CORPUS."""

import argparse
import os
import shlex

from s3rl_jax.core.commandline import Parser, run
from s3rl_jax.core.domains import Number, Whole
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.keywords import split_keywords
from s3rl_jax.prepare.synthesis.pronunciations import parse_pronunciations
from s3rl_jax.prepare.synthesis.script import DEFAULT_ENGINES, Script, read_confusions, read_engines, read_texts


def main() -> None:
    args = _parser().parse_args()
    if bool(args.source) == bool(args.synthesize):
        raise UserError("expected either --source or --synthesize")

    from s3rl_jax.prepare.preparation import Options, prepare, prepare_shards
    from s3rl_jax.prepare.sources.recognise import read_source
    from s3rl_jax.prepare.summary import describe

    workers = args.workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
    beam_options = tuple(shlex.split(args.beam_options))
    options = Options(args.segment_seconds, args.overlap_seconds, workers, args.runner, beam_options)
    if args.synthesize:
        from s3rl_jax.prepare.synthesis.resume import prepare_spoken

        summary = prepare_spoken(_script(args), args.out, args.seed, options)
    elif args.source.startswith("tfds:"):
        from s3rl_jax.prepare.sources.tfds_sets import tfds_inputs

        summary = prepare_shards(tfds_inputs(args.source.removeprefix("tfds:"), args.tfds_dir), args.out, options)
    else:
        summary = prepare(read_source(args.source), args.out, options)
    print(describe(summary, args.out))


def _parser() -> Parser:
    parser = Parser(
        prog="s3rl_jax.prepare", description="Writes a corpus from audio files, or from texts that synthesisers speak."
    )
    parser.add_argument(
        "--source", help="a folder of WAV/FLAC/OGG/MP3 files, a manifest.csv, or tfds:NAME for a set that TFDS prepared"
    )
    parser.add_argument("--tfds_dir", default="~/tensorflow_datasets", help="folder of the sets that TFDS prepared")
    parser.add_argument("--synthesize", help="keywords, comma-separated, that synthesisers speak")
    parser.add_number("--minutes", Number(0, 100_000), 60.0, help="minutes of speech to synthesise (default 60)")
    parser.add_number("--count", Whole(0, 100_000), 0, help="recordings of each keyword; 0, the default: by --minutes")
    parser.add_argument("--language", default="en", help="language to speak, an espeak-ng voice such as de (default en)")
    parser.add_argument("--texts", help="a UTF-8 file of other texts to speak, a line each")
    parser.add_argument(
        "--pronounce",
        action="append",
        default=[],
        metavar="WORD=PHONEMES",
        help="a pronunciation of a keyword, in espeak-ng's phonemes; may be repeated",
    )
    parser.add_argument("--confusions", help="a UTF-8 file of words that sound like a keyword, a line each")
    parser.add_argument(
        "--engines",
        default=DEFAULT_ENGINES,
        help=f"synthesisers to use, of those that are installed, and their shares of the clips (default {DEFAULT_ENGINES})",
    )
    parser.add_argument("--kokoro_voices", default="", help="a folder of more styles for Kokoro (.npz, .npy, .bin)")
    parser.add_argument("--piper_voices", default="", help="a folder of Piper's voices (.onnx and .onnx.json)")
    parser.add_number("--seed", Whole(0), 0, help="seed of the synthesised corpus (default 0)")
    parser.add_argument("--out", required=True, help="folder of the corpus; an unfinished corpus there is continued")
    parser.add_number(
        "--segment_seconds",
        Number(0.1, 3600),
        20.0,
        help="longer recordings are cut into segments of this length (default 20)",
    )
    parser.add_number("--overlap_seconds", Number(0, 3600), 0.0, help="overlap of two segments (default 0)")
    parser.add_number("--workers", Whole(0, 1024), 0, help="number of processes; 0, the default: one for each core")
    parser.add_argument(
        "--runner", default="", help="runner of Apache Beam: DirectRunner, DataflowRunner, FlinkRunner or SparkRunner"
    )
    parser.add_argument("--beam_options", default="", help="options of the runner, for example '--project=p --region=r'")
    return parser


def _script(args: argparse.Namespace) -> Script:
    keywords = split_keywords(args.synthesize, "--synthesize")
    return Script(
        keywords,
        minutes=args.minutes,
        count=args.count,
        language=args.language,
        texts=read_texts(args.texts) if args.texts else (),
        engines=read_engines(args.engines),
        kokoro_voices=args.kokoro_voices,
        piper_voices=args.piper_voices,
        pronunciations=parse_pronunciations(args.pronounce, keywords),
        confusions=read_confusions(args.confusions, keywords) if args.confusions else (),
    )


if __name__ == "__main__":
    run(main)
