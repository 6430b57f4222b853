"""python -m s3rl_jax.detect M.tflite FILE.wav ... [--scores=FILE.csv]; - reads raw PCM from standard input."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.commandline import Parser, run
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER, close_status, show_status
from s3rl_jax.detect.detector import Detection, Detector
from s3rl_jax.detect.microphone import devices, listen, meter
from s3rl_jax.detect.wave import read_wave

MICROPHONE = None  # stands where a file name would
FULL_SCALE = 32768  # of 16-bit samples


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
    unheard = []
    with ExitStack() as stack:
        scores = stack.enter_context(_score_table(args.scores)) if args.scores else None
        for name in args.files or [MICROPHONE]:
            try:
                _detect(detector, name, scores, args.device)
            except UserError as error:
                LOGGER.error(str(error))
                unheard.append(name or "microphone")
    if unheard:
        raise UserError(f"{len(unheard)} of {max(len(args.files), 1)} not heard: {', '.join(unheard)}")


@contextmanager
def _score_table(path: str) -> Iterator[Any]:
    """A CSV writer on --scores, its header written."""
    try:
        with open(path, "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["file", "time", "label", "posterior"])
            yield table
    except OSError as error:
        raise UserError(f"--scores={path}: cannot be written: {error.strerror}") from error


def _detect(detector: Detector, name: str | None, scores: Any, device: str | None) -> None:
    """Prints the detections in one file, in standard input or in the microphone, and writes its scores."""
    shown_name = "microphone" if name is MICROPHONE else name
    has_meter = name is MICROPHONE and sys.stderr.isatty()
    detector.reset()
    hops = 0
    for samples in _blocks(detector, name, device):
        detections = detector.process(samples)
        if has_meter:
            show_status(meter(samples, detector.score, detector.threshold))
            if detections:
                close_status()
        for detection in detections:
            _print_detection(shown_name, detection)
        for posteriors in detector.posteriors if scores else ():
            hops += 1
            seconds = f"{hops * detector.hop / detector.sample_rate:.3f}"
            for label, posterior in zip(detector.labels[1:], posteriors[1:], strict=True):
                scores.writerow([shown_name, seconds, label, f"{posterior:.6f}"])


def _print_detection(name: str, detection: Detection) -> None:
    line = {
        "file": name,
        "time": round(detection.seconds, 3),
        "keyword": detection.keyword,
        "score": round(detection.score, 4),
    }
    print(json.dumps(line), flush=True)


def _blocks(detector: Detector, name: str | None, device: str | None) -> Iterable[Float[np.ndarray, "samples"]]:
    """The samples of one source, in the pieces in which they arrive."""
    if name is MICROPHONE:
        return listen(detector.sample_rate, detector.hop, device)
    if name == "-":
        return _raw_blocks(sys.stdin.buffer, detector.hop)
    return [read_wave(name, detector.sample_rate)]


def _raw_blocks(stream: IO[bytes], samples: int) -> Iterator[Float[np.ndarray, "samples"]]:
    while data := stream.read(2 * samples):
        yield np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / FULL_SCALE


if __name__ == "__main__":
    run(main)
