"""python -m s3rl_jax.export --workdir=W --out=M.tflite [--quantize=KIND] [--streaming] [--target=esphome] [--report=DIR]."""

import sys
from typing import Any

from s3rl_jax.core.commandline import Parser, run
from s3rl_jax.core.messages import LOGGER


def main() -> None:
    parser = Parser(prog="s3rl_jax.export", description="Converts a detector to .tflite, and compares it with JAX on clips.")
    parser.add_argument(
        "--workdir", required=True, help="workdir of a fine-tuned run; several with one student, comma-separated"
    )
    parser.add_argument("--out", required=True, help="the .tflite or .onnx to write; a .json is written beside it")
    parser.add_argument(
        "--quantize", help="none, dynamic (8-bit weights), int8, or int16x8 (default none; for --target=esphome int8)"
    )
    parser.add_argument("--streaming", action="store_true", help="add the signature stream: a call takes one hop and a state")
    parser.add_argument("--io", default="float32", help="float32, or int8: the network alone, for microcontrollers")
    parser.add_argument(
        "--target", default="", help="tflm: allow only operators of TensorFlow Lite Micro; esphome: for micro_wake_word"
    )
    parser.add_argument("--format", default="tflite", help="tflite; or onnx, in float32, with one signature (see --streaming)")
    parser.add_argument("--c-array", action="store_true", help="also write the model as C source")
    parser.add_argument(
        "--report", help="folder that evaluate wrote, whose corpus and split are scored (default: report/ in the workdir)"
    )
    parser.add_argument("--verifier", help="another exported file in the folder of --out that must agree with each detection")
    parser.add_argument("--voice", action="store_true", help="add what s3rl_jax.enrol needs, to hear one person alone")
    args = parser.parse_args()

    # Imported after parsing, so that --help and a wrong flag do not wait for JAX.
    from s3rl_jax.export.conversion import NotExportable
    from s3rl_jax.export.export import export
    from s3rl_jax.export.file_format import FileFormat

    quantize = args.quantize or ("int8" if args.target == "esphome" else "none")
    file_format = FileFormat(quantize, args.streaming, args.io, args.target, args.format, args.voice)
    try:
        fields = export(args.workdir, args.out, file_format, args.report, args.c_array, args.verifier)
    except NotExportable as error:
        print(f"error: not exported: {error}", file=sys.stderr)
        sys.exit(1)
    print(f"{args.out}: {fields['bytes']} bytes, differs from JAX by at most {fields['parity_error']:.1e}")
    for file in fields.get("written", ()):
        print(f"{file}: written")
    for scored in fields["scored"].get("heads", [fields["scored"]]):
        _print_accuracy(scored, fields["threshold"], quantize)


def _print_accuracy(scored: dict[str, Any], thresholds: dict[str, float], quantize: str) -> None:
    from s3rl_jax.export.accuracy import FRR, RATE, TOLERATED

    name = f"{', '.join(scored['keywords'])}: " if "keywords" in scored else ""
    if "not" in scored:
        LOGGER.info(f"{name}not scored: {scored['not']}. The thresholds were not measured on this file: {thresholds}")
        return
    if "pair" in scored:
        print(f"with the verifier: {scored['pair'][FRR][RATE]:.1%} false rejects at {RATE} false accepts an hour")
    change = scored["frr_change"]
    print(
        f"{name}false rejects at {RATE} false accepts an hour: {scored[FRR][RATE]:.1%}, "
        f"{change:+.1%} compared with the float model ({scored['hours']} h of {scored['split']})"
    )
    if change > TOLERATED:
        LOGGER.warning(
            f"--quantize={quantize} costs {change:.1%} more false rejects. Try dynamic or int16x8, "
            "or fine-tune on with --config.quantization_aware=True"
        )


if __name__ == "__main__":
    run(main)
