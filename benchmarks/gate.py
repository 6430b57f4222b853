"""The gate of a detector: what it saves in silence, and what it misses.

    python -m benchmarks.gate MODEL.tflite --corpus=HELD --keyword=alexa [--gates=-70,-60,-50,-40] [--floor_db=-75]

The stream is a quiet room: the recordings of the keyword in the test split, each after `--silence` seconds of white noise at
`--floor_db`. The words come at four levels: as recorded, and 10, 20 and 30 dB weaker, as a gate misses quiet speech. Prints,
without a gate and for each gate, the words that are detected at the thresholds of the .json, the share of the hops in which the
model slept, and CPU seconds for a second of audio.
"""

import argparse
import json
import time

import numpy as np
from jaxtyping import Float

from benchmarks.measuring import about
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.keywords import parse_keywords, speech_classes
from s3rl_jax.detect.detector import Detector

WEAKER_DB = (0.0, 10.0, 20.0, 30.0)
AFTER_SECONDS = 2.0  # after the end of a word, in which its detection counts


def main() -> None:
    parser = argparse.ArgumentParser(description="What the gate of a detector saves and misses.")
    parser.add_argument("model", help="an exported file")
    parser.add_argument("--corpus", required=True, help="a corpus with recordings of the keyword in its test split")
    parser.add_argument("--keyword", default="alexa")
    parser.add_argument("--gates", default="-70,-60,-50,-40", help="dB of full scale, comma-separated")
    parser.add_argument("--floor_db", type=float, default=-75.0, help="level of the noise of the room")
    parser.add_argument("--silence", type=float, default=6.0, help="seconds before each word")
    arguments = parser.parse_args()
    clips = read_corpus(arguments.corpus, "test")
    rows = np.flatnonzero(speech_classes(clips, parse_keywords(arguments.keyword)) > 0)
    words = [clips.audio(int(row)).astype(np.float32) / 32768 for row in rows]
    print(json.dumps(about()))
    for weaker in WEAKER_DB:
        audio, ends = quiet_room(words, weaker, arguments.floor_db, arguments.silence)
        for gate in (None, *map(float, arguments.gates.split(","))):
            print(
                json.dumps({"weaker_db": weaker, "gate_db": gate, **measured(arguments.model, gate, audio, ends)}), flush=True
            )


def quiet_room(
    words: list[Float[np.ndarray, "_"]], weaker_db: float, floor_db: float, silence: float
) -> tuple[Float[np.ndarray, "samples"], list[tuple[float, float]]]:
    """The stream, and begin and end of each word in seconds."""
    pause = np.zeros(int(silence * SAMPLE_RATE), np.float32)
    pieces = [piece for word in words for piece in (pause, word * 10 ** (-weaker_db / 20))]
    stops = np.cumsum([len(piece) for piece in pieces]) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(sum(map(len, pieces))) * 10 ** (floor_db / 20)
    audio = np.concatenate(pieces) + noise.astype(np.float32)
    return audio, list(zip(stops[::2].tolist(), stops[1::2].tolist(), strict=True))


def measured(path: str, gate: float | None, audio: Float[np.ndarray, "samples"], words: list[tuple[float, float]]) -> dict:
    """Detected words, share of the time asleep, and cost."""
    detector = Detector(path, gate_db=gate)
    begun = time.process_time()
    times = np.array([detection.seconds for detection in detector.process(audio)])
    cost = (time.process_time() - begun) * SAMPLE_RATE / len(audio)
    detected = sum(bool(((times >= begin) & (times <= end + AFTER_SECONDS)).any()) for begin, end in words)
    asleep = detector.asleep / (len(audio) // detector.hop)
    return {
        "words": len(words),
        "detected": detected,
        "asleep": round(asleep, 3),
        "cpu_seconds_per_audio_second": round(cost, 5),
    }


if __name__ == "__main__":
    main()
