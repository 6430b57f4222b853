"""Our exported files beside public detectors of a keyword: the same stream, the same scoring, one run.

    pip install pymicro-wakeword pyopen-wakeword
    python -m benchmarks.peers --corpus=HELD --keyword=alexa [--files=alexa.tflite,...] [--peers=micro,open]

The stream is that of `s3rl_jax.evaluate`. A peer is fed hops of 160 ms. Its score of a hop is the highest of its own
probabilities in it: microWakeWord's are means over its sliding window, openWakeWord's are as its model gives them. Prints
misses in % at 0.5, 1 and 10 false accepts an hour with their 95 % interval (Wilson), the bytes of the files, and CPU seconds
for a second of audio; `--out` writes the same as JSON. openWakeWord takes ten minutes of a core for 8 hours.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int16

from benchmarks.measuring import about
from benchmarks.peers.wake_words import Probabilities, micro, openwakeword
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.detect.firing import FiringSettings
from s3rl_jax.evaluate.conditions import open_conditions
from s3rl_jax.evaluate.curves import det_curve, operating_point
from s3rl_jax.evaluate.scored_detector import of_file
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.evaluate.trial import Trial, trial_of_words

HOP = 2560  # samples, that of our default
RATES = ("0.5", "1", "10")
PEERS = {"micro": micro, "open": openwakeword}


def main() -> None:
    parser = argparse.ArgumentParser(description="Our files beside public detectors.")
    parser.add_argument("--corpus", required=True, help="a corpus with recordings of the keyword in its test split")
    parser.add_argument("--keyword", default="alexa", help="alexa, hey jarvis, hey mycroft or okay nabu, with peers")
    parser.add_argument("--files", default="", help="exported files of ours, comma-separated")
    parser.add_argument("--peers", default="micro,open")
    parser.add_argument("--conditions", default="clean,snr_10,snr_5,snr_0")
    parser.add_argument("--out", type=Path, help="the JSON to write")
    arguments = parser.parse_args()
    streams, _ = open_conditions(
        read_corpus(arguments.corpus, "test"), (arguments.keyword,), tuple(arguments.conditions.split(","))
    )
    names = [*filter(None, arguments.files.split(",")), *filter(None, arguments.peers.split(","))]
    rows: dict[str, dict] = {name: {} for name in names}
    for condition, make_stream in streams.items():
        stream = make_stream()
        for name in names:
            rows[name][condition] = measured(name, arguments.keyword, stream)
            print(f"{name:24} {condition:8} {text_of(rows[name][condition])}", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps({**about(), "corpus": arguments.corpus, "rows": rows}, indent=1))


def measured(name: str, keyword: str, stream: Stream) -> dict:
    """Misses at each rate, with their interval, and what the detector costs."""
    begun = time.process_time()
    trial, size = _peer(name, keyword, stream) if name in PEERS else _ours(name, stream)
    cost = (time.process_time() - begun) / stream.seconds
    curve = det_curve(trial)
    points = {rate: operating_point(curve, float(rate)) for rate in RATES}
    return {
        "misses": {rate: [round(100 * share, 1) for share in (p.frr, *p.frr_interval)] for rate, p in points.items()},
        "hours": round(curve.hours, 2),
        "words": curve.words,
        "bytes": size,
        "cpu_seconds_per_audio_second": round(cost, 5),
    }


def text_of(row: dict) -> str:
    """One line of a detector in one condition."""
    misses = ", ".join(f"{share} [{low}-{high}] at {rate}" for rate, (share, low, high) in row["misses"].items())
    return f"misses, %: {misses} an hour; {row['bytes']} bytes; {row['cpu_seconds_per_audio_second']} of a core"


def _ours(path: str, stream: Stream) -> tuple[Trial, int]:
    detector = of_file(path)
    return detector.trial(stream), Path(path).stat().st_size


def _peer(name: str, keyword: str, stream: Stream) -> tuple[Trial, int]:
    probabilities, size = PEERS[name](keyword)
    return trial_of_hops(stream, hop_scores(stream.audio, probabilities)), size


def hop_scores(audio: Int16[np.ndarray, "samples"], probabilities: Probabilities) -> Float[np.ndarray, "hops"]:
    """The highest probability that a detector gives in each hop; where it gives none, that of the hop before."""
    scores, last = [], 0.0
    for hop in audio[: len(audio) // HOP * HOP].reshape(-1, HOP):
        last = max(probabilities(hop.tobytes()), default=last)
        scores.append(last)
    return np.array(scores, np.float64)


def trial_of_hops(stream: Stream, scores: Float[np.ndarray, "hops"]) -> Trial:
    """The trial of scores that need no smoothing."""
    words = [(word.speech_start, word.speech_stop) for word in stream.words]
    return trial_of_words(scores, words, HOP, FiringSettings(smoothing_hops=1, patience=1))


if __name__ == "__main__":
    main()
