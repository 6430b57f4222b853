"""python -m s3rl_jax.detect M.tflite FILE ... [--scores=FILE.csv]: prints detections; FILE - is standard input."""

import csv
import json
import sys
from argparse import Namespace
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import chain
from typing import Any

from s3rl_jax.core.commandline import Parser, run
from s3rl_jax.core.domains import Whole
from s3rl_jax.core.errors import UserError, lookup
from s3rl_jax.core.messages import LOGGER, close_status, show_status
from s3rl_jax.detect.detector import Detection, Detector
from s3rl_jax.detect.formats import Recording
from s3rl_jax.detect.microphone import devices, meter, open_microphone
from s3rl_jax.detect.recording import open_recording, open_stream
from s3rl_jax.detect.riff import HIGHEST_CHANNELS
from s3rl_jax.detect.samples import ENCODINGS, RATES

MICROPHONE = "microphone"  # stands for a file name in the detections


def main() -> None:
    args = _parser().parse_intermixed_args()
    if args.list_devices:
        print(devices())
        return
    if args.wyoming is not None:
        _serve(args)
        return
    _check(args)
    options = {name: getattr(args, name) for name in ("channel", "verifier", "gate_db", "enrolled")}
    detector = Detector(args.model, args.fa_per_hour, **options)
    failed = []
    with ExitStack() as stack:
        scores = _score_table(args.scores, stack) if args.scores else None
        for name in [MICROPHONE] if args.microphone else args.files:
            try:
                with _open(name, detector, args) as recording:
                    _detect(detector, name, recording, scores, args)
            except UserError as error:
                LOGGER.error(str(error))
                failed.append(name)
    if failed:
        raise UserError(f"{len(failed)} of {max(len(args.files), 1)} not read: {', '.join(failed)}")


def _parser() -> Parser:
    parser = Parser(prog="s3rl_jax.detect", description="Prints a JSON object for each detection.")
    parser.add_argument("model", nargs="?", help="a .tflite or .onnx that s3rl_jax.export wrote, its .json beside it")
    parser.add_argument("files", nargs="*", help="recordings; or - for standard input: raw samples, or a WAV")
    parser.add_number("--rate", Whole(*RATES), 16_000, help="rate of raw samples on standard input, in Hz (default 16000)")
    parser.add_number("--channels", Whole(1, HIGHEST_CHANNELS), 1, help="channels of raw samples on standard input (default 1)")
    parser.add_argument("--format", default="s16le", help=f"type of raw samples on standard input: {', '.join(ENCODINGS)}")
    parser.add_number(
        "--channel", Whole(0, HIGHEST_CHANNELS - 1), None, help="channel to listen to; the first is 0 (default: a mix of all)"
    )
    parser.add_argument("--microphone", action="store_true", help="listen until interrupted (extra: microphone)")
    parser.add_argument("--device", help="microphone to listen to: its number in --list-devices, or a part of its name")
    parser.add_argument("--list-devices", action="store_true", help="print the audio devices, and end")
    parser.add_argument("--wyoming", help="serve Home Assistant at this address: tcp://127.0.0.1:10400 (extra: wyoming)")
    parser.add_argument("--scores", help="CSV file to write, a row for each hop: file, time, label, posterior")
    parser.add_argument("--fa_per_hour", help="operating point: a rate of false accepts an hour in the .json (default 0.5)")
    parser.add_argument("--verifier", help="a second model that must agree (default: the one that the .json names, if any)")
    parser.add_argument("--enrolled", help="the .json of s3rl_jax.enrol: only that voice is detected (default: any voice)")
    parser.add_argument("--gate_db", type=float, help="sleep while the level is below this, in dB of full scale, such as -60")
    return parser


def _serve(args: Namespace) -> None:
    """Serves all models on the command line; with --wyoming each positional argument is a model."""
    models = [model for model in (args.model, *args.files) if model]
    if not models:
        raise UserError("--wyoming: expected one or several models: the files that s3rl_jax.export wrote")
    try:
        from s3rl_jax.detect.wyoming import serve
    except ImportError as error:
        raise UserError(f"--wyoming: {error}; expected the extra: pip install 's3rl_jax[wyoming]'") from error
    serve(args.wyoming, models, args.fa_per_hour)


def _check(args: Namespace) -> None:
    """Raises UserError for flags that are missing, or exclude one another."""
    if not args.model:
        raise UserError("expected a model: the .tflite that s3rl_jax.export wrote")
    if args.device is not None and not args.microphone:
        raise UserError(f"--device={args.device}: expected together with --microphone")
    if args.microphone == bool(args.files):
        raise UserError("expected either files (or -) or --microphone")
    lookup(ENCODINGS, args.format, "--format")


def _score_table(path: str, stack: ExitStack) -> Any:
    """Opens --scores and writes its header; the stack closes the file."""
    try:
        file = stack.enter_context(open(path, "w", newline="", encoding="utf-8"))  # noqa: SIM115 - the stack closes it
    except OSError as error:
        raise UserError(f"--scores={path}: cannot be written: {error.strerror}") from error
    table = csv.writer(file)
    table.writerow(["file", "time", "label", "posterior"])
    return table


def _open(name: str, detector: Detector, args: Namespace) -> AbstractContextManager[Recording]:
    """Opens a recording, standard input or the microphone; the latter two in blocks of a hop, for the least delay."""
    hop_seconds = detector.hop / detector.sample_rate
    if args.microphone:
        LOGGER.info("listening; Ctrl-C ends")
        return open_microphone(detector.sample_rate, hop_seconds, args.device)
    if name == "-":
        return nullcontext(open_stream(sys.stdin.buffer, ENCODINGS[args.format], args.rate, args.channels, hop_seconds))
    return open_recording(name)


def _detect(detector: Detector, name: str, recording: Recording, scores: Any, args: Namespace) -> None:
    """Prints the detections in a recording, and writes its scores."""
    has_meter = args.microphone and sys.stderr.isatty()
    detector.reset(recording.rate)
    if recording.channels > 1 and args.channel is None:
        LOGGER.info(f"{name}: {recording.channels} channels, mixed; --channel takes one")
    hops, frames = 0, 0
    for block in chain(recording.blocks, [None]):
        try:
            detections = detector.flush() if block is None else detector.process(block)
        except ValueError as error:
            raise UserError(f"{name}: {error}") from error
        if has_meter and block is not None:
            show_status(meter(block, detector.score, detector.threshold))
            if detections:
                close_status()
        for detection in detections:
            _print_detection(name, detection)
        frames += 0 if block is None else len(block)
        for posteriors in detector.posteriors if scores else ():
            hops += 1
            seconds = f"{hops * detector.hop / detector.sample_rate:.3f}"
            for label, posterior in zip(detector.labels[1:], posteriors[1:], strict=True):
                scores.writerow([name, seconds, label, f"{posterior:.6f}"])
    if frames * detector.sample_rate < detector.hop * recording.rate:
        seconds, hop_seconds = frames / recording.rate, detector.hop / detector.sample_rate
        LOGGER.warning(f"{name}: {seconds:.3f} s, shorter than a hop of {hop_seconds:g} s; the rest was taken as silence")


def _print_detection(name: str, detection: Detection) -> None:
    line = {
        "file": name,
        "time": round(detection.seconds, 3),
        "keyword": detection.keyword,
        "score": round(detection.score, 4),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    run(main)
