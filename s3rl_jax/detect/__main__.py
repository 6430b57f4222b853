"""python -m s3rl_jax.detect M.tflite FILE.wav ... [--scores=FILE.csv]; - reads raw PCM from standard input."""

import csv
import json
import sys
from contextlib import ExitStack

import numpy as np

from s3rl_jax.core.commandline import Parser, run
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER, close_status, show_status
from s3rl_jax.detect.detector import Detector
from s3rl_jax.detect.microphone import devices, listen, meter
from s3rl_jax.detect.wave import read_wave

MICROPHONE = None  # in the place of a file's name


def main() -> None:
    parser = Parser(prog="s3rl_jax.detect", description="Prints a JSON object for each detection.")
    parser.add_argument("model", nargs="?", help="a .tflite that s3rl_jax.export wrote, its .json beside it")
    parser.add_argument("files", nargs="*", help="WAV files at 16 kHz, or - for raw 16-bit mono PCM at 16 kHz")
    parser.add_argument("--microphone", action="store_true", help="listen until interrupted (extra: microphone)")
    parser.add_argument("--device", help="input to listen to: its number in --list-devices, or a part of its name")
    parser.add_argument("--list-devices", action="store_true", help="print the audio devices, and end")
    parser.add_argument("--scores", help="CSV to write: file, time, label, posterior, a row a hop")
    parser.add_argument("--fa_per_hour", help="operating point: one of the false accepts an hour in the .json (default 0.5)")
    args = parser.parse_args()
    if args.list_devices:
        print(devices())
        return
    if not args.model:
        raise UserError("expected a model: the .tflite that s3rl_jax.export wrote")
    if args.device is not None and not args.microphone:
        raise UserError(f"--device={args.device}: expected together with --microphone")
    if args.microphone == bool(args.files):
        raise UserError("expected either files (or -) or --microphone")
    detector = Detector(args.model, args.fa_per_hour)
    failed = []
    with ExitStack() as stack:
        scores = None
        if args.scores:
            try:
                scores = csv.writer(stack.enter_context(open(args.scores, "w", newline="", encoding="utf-8")))
            except OSError as error:
                raise UserError(f"--scores={args.scores}: cannot be written: {error.strerror}") from error
            scores.writerow(["file", "time", "label", "posterior"])
        for name in args.files or [MICROPHONE]:
            try:
                _listen(detector, name, scores, args.device)
            except UserError as error:
                LOGGER.error(str(error))
                failed.append(name or "microphone")
    if failed:
        raise UserError(f"{len(failed)} of {max(len(args.files), 1)} not heard: {', '.join(failed)}")


def _listen(detector: Detector, name: str | None, scores, device: str | None) -> None:
    shown = "microphone" if name is MICROPHONE else name
    watched = name is MICROPHONE and sys.stderr.isatty()
    detector.reset()
    hops = 0
    for samples in _source(detector, name, device):
        found_now = detector.process(samples)
        if watched:
            show_status(meter(samples, detector.score, detector.threshold))
        for found in found_now:
            if watched:
                close_status()
            line = {"file": shown, "time": round(found.seconds, 3), "keyword": found.keyword, "score": round(found.score, 4)}
            print(json.dumps(line), flush=True)
        for posterior in detector.posteriors if scores else ():
            hops += 1
            seconds = f"{hops * detector.hop / detector.sample_rate:.3f}"
            for label, value in zip(detector.labels[1:], posterior[1:], strict=True):
                scores.writerow([shown, seconds, label, f"{value:.6f}"])


def _source(detector: Detector, name: str | None, device: str | None):
    if name is MICROPHONE:
        return listen(detector.sample_rate, detector.hop, device)
    return _pcm(sys.stdin.buffer, detector.hop) if name == "-" else [read_wave(name, detector.sample_rate)]


def _pcm(stream, samples: int):
    while data := stream.read(2 * samples):
        yield np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768


if __name__ == "__main__":
    run(main)
