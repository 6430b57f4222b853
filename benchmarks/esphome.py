"""A file for ESPHome in microWakeWord's own runtime, over the evaluation stream, beside JAX and microWakeWord's detector.

    pip install pymicro-wakeword
    python -m benchmarks.esphome --workdir=runs/alexa --model=alexa.tflite --corpus=held [--conditions=clean] [--builtin=alexa]

microWakeWord's front end computes the features of the stream once. Our file and the public detector, each loaded by
`pymicro_wakeword.MicroWakeWord`, take the same features. Prints JSON: the difference of each mean probability in that runtime
from that of JAX (in float) and from that of the file in LiteRT, over the first `--compared` hours; misses in % at 0.5, 1 and 10
false accepts an hour, and misses and false accepts at the cutoff of the manifest; CPU seconds for a second of audio of the
front end and of each detector.
"""

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int16

from benchmarks.measuring import about
from s3rl_jax.audio.front_end import FRONT_ENDS, MICRO
from s3rl_jax.audio.logmel import HOP
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.detect.firing import FiringSettings, keyword_scores
from s3rl_jax.evaluate.conditions import open_conditions
from s3rl_jax.evaluate.curves import det_curve, operating_point
from s3rl_jax.evaluate.scoring import stream_scorer
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.evaluate.trial import Trial, trial_of_words
from s3rl_jax.export.accuracy import file_posteriors
from s3rl_jax.export.file_format import FileFormat
from s3rl_jax.runs.detector import TrainedDetector, open_detector

RATES = ("0.5", "1", "10")


class Run(NamedTuple):
    """Mean probabilities of a detector in microWakeWord's runtime at each 10 ms; its cutoff, bytes and CPU seconds."""

    means: Float[np.ndarray, "frames"]
    cutoff: float
    size: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description="A file for ESPHome in microWakeWord's runtime.")
    parser.add_argument("--workdir", required=True, help="workdir of the detector that was exported")
    parser.add_argument("--model", required=True, type=Path, help="what export --target=esphome wrote")
    parser.add_argument("--corpus", required=True, help="a corpus with recordings of the keyword in its test split")
    parser.add_argument("--conditions", default="clean")
    parser.add_argument("--compared", type=float, default=1.0, help="hours that JAX and LiteRT score too")
    parser.add_argument(
        "--builtin", default="", help="a detector that pymicro-wakeword comes with: alexa, hey_jarvis and so on"
    )
    arguments = parser.parse_args()
    detector = open_detector(arguments.workdir, "--workdir")
    conditions = tuple(arguments.conditions.split(","))
    streams, _ = open_conditions(read_corpus(arguments.corpus, "test"), detector.keywords, conditions)
    rows = {name: measured(detector, arguments, make()) for name, make in streams.items()}
    print(json.dumps({**about(), "corpus": arguments.corpus, "conditions": rows}, indent=1))


def measured(detector: TrainedDetector, arguments: argparse.Namespace, stream: Stream) -> dict:
    """All figures of one condition."""
    from pymicro_wakeword import MicroWakeWord, Model

    model, path, builtin = detector.model, arguments.model, arguments.builtin
    hops = len(stream.audio) // model.hop
    frames, front_end_seconds = features_of(stream.audio[: hops * model.hop])
    ours = run(MicroWakeWord.from_config(path.with_suffix(".esphome.json")), frames)
    on_device = ours.means[model.hop // HOP - 1 :: model.hop // HOP]
    file_format = FileFormat("int8", target="esphome")
    window = file_format.firing(model).smoothing_hops
    compared = stream.audio[: int(3600 * arguments.compared) * SAMPLE_RATE]
    in_jax = stream_scorer(model, detector.params)(compared)
    in_litert = file_posteriors(path.read_bytes(), file_format, model, detector.params, compared)
    row = {
        "hours": round(stream.seconds / 3600, 2),
        "words": len(stream.words),
        "from_jax": spread_of(on_device, keyword_scores(in_jax, window), window),
        "from_litert": spread_of(on_device, keyword_scores(in_litert, window), window),
        "pymicro_wakeword": figures_of(trial_of(stream, on_device, model.hop), ours, stream),
        "front_end_cpu_seconds_per_audio_second": round(front_end_seconds / stream.seconds, 6),
    }
    if builtin:
        theirs = run(MicroWakeWord.from_builtin(Model(builtin)), frames)
        row[f"builtin {builtin}"] = figures_of(trial_of(stream, theirs.means, HOP), theirs, stream)
    return row


def features_of(audio: Int16[np.ndarray, "samples"]) -> tuple[list[Float[np.ndarray, "1 1 40"]], float]:
    """The frames of microWakeWord's front end after silence, with which our stream begins; and CPU seconds."""
    from pymicro_wakeword import MicroWakeWordFeatures

    begun, front_end = time.process_time(), MicroWakeWordFeatures()
    frames = []
    for part in np.split(np.pad(audio, (FRONT_ENDS[MICRO].overlap, 0)), range(160_000, len(audio), 160_000)):
        frames += front_end.process_streaming(part.tobytes())
    return frames, time.process_time() - begun


def run(word, frames: list[Float[np.ndarray, "1 1 40"]]) -> Run:
    """Feeds frames to a detector of `pymicro_wakeword`; between two calls of its model the mean stays."""
    begun, means, steps = time.process_time(), np.zeros(len(frames)), word.stride
    for index, frame in enumerate(frames):
        probability = word.process_streaming_prob(frame)
        if index % steps == steps - 1:
            means[index : index + steps] = probability
    return Run(means, word.probability_cutoff, Path(word.tflite_model).stat().st_size, time.process_time() - begun)


def trial_of(stream: Stream, scores: Float[np.ndarray, "hops"], hop: int) -> Trial:
    """The trial of scores that are means already."""
    words = [(word.speech_start, word.speech_stop) for word in stream.words]
    return trial_of_words(scores, words, hop, FiringSettings(smoothing_hops=1, patience=1, rearm=None))


def misses_of(trial: Trial) -> dict[str, list[float]]:
    """Misses in % at each rate, with their 95 % interval."""
    points = {rate: operating_point(det_curve(trial), float(rate)) for rate in RATES}
    return {rate: [round(100 * share, 1) for share in (point.frr, *point.frr_interval)] for rate, point in points.items()}


def figures_of(trial: Trial, detector: Run, stream: Stream) -> dict:
    """Figures of a detector that ran."""
    above = np.nextafter(detector.cutoff, 2.0)  # it fires where the mean exceeds the cutoff
    return {
        "misses": misses_of(trial),
        "cutoff": detector.cutoff,
        "misses_at_cutoff": int((trial.peaks < above).sum()),
        "false_accepts_at_cutoff": len(trial.false_accepts(above)),
        "bytes": detector.size,
        "cpu_seconds_per_audio_second": round(detector.seconds / stream.seconds, 6),
    }


def spread_of(on_device: Float[np.ndarray, "hops"], expected: Float[np.ndarray, "compared"], window: int) -> dict[str, float]:
    """Mean and largest absolute difference of means, from the first hop at which the runtime gives one."""
    sizes = np.abs(on_device[window - 1 : len(expected)] - expected[window - 1 :])
    return {"mean": round(float(sizes.mean()), 6), "largest": round(float(sizes.max()), 4)}


if __name__ == "__main__":
    main()
