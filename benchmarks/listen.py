"""Detections by `detect` of keywords in noise, and in ten minutes without keywords.

    python -m benchmarks.listen M.tflite --corpus=corpus [--snr_db=5]

Writes two WAV files from the test split: ten recordings of the keyword among other words, with noise; and ten minutes of other
speech. Runs `python -m s3rl_jax.detect` on them, and prints JSON: the number of words detected up to a second after their end,
and the number of other detections.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import numpy as np
import soundfile

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.corpus import Clips, read_corpus
from s3rl_jax.corpus.keywords import keyword_labels
from s3rl_jax.detect.detector import Detector
from s3rl_jax.evaluate.degradations import with_noise
from s3rl_jax.evaluate.stream import SEED, build_stream
from s3rl_jax.evaluate.trial import LATENESS_SECONDS

WORDS, OTHERS, MINUTES = 10, 40, 10


@dataclass(frozen=True)
class InMemory(Clips):
    """A selection of clips, with their audio in memory."""

    held: tuple[np.ndarray, ...] = ()

    def audio(self, row: int) -> np.ndarray:
        return self.held[row]


def only(clips: Clips, rows: np.ndarray) -> InMemory:
    """Selects the clips of some rows."""
    columns = {name: values[rows] for name, values in clips.columns.items()}
    return InMemory(columns, clips.shards, clips.ends, clips.corpora, tuple(clips.audio(row) for row in rows))


def listen(model: str, audio: np.ndarray) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        soundfile.write(f"{folder}/a.wav", audio, SAMPLE_RATE, subtype="PCM_16")
        command = [sys.executable, "-m", "s3rl_jax.detect", model, f"{folder}/a.wav"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--snr_db", type=float, default=5.0)
    args = parser.parse_args()
    keywords = tuple(Detector(args.model).labels[1:])
    clips = read_corpus(args.corpus, "test")
    speech, classes = clips.columns["kind"] == "speech", keyword_labels(clips, keywords)
    rng = np.random.default_rng(0)
    positives = rng.permutation(np.flatnonzero(speech & (classes > 0)))[:WORDS]
    others = rng.permutation(np.flatnonzero(speech & (classes == 0)))

    selected = only(clips, np.concatenate([positives, others[:OTHERS]]))
    noisy = with_noise(build_stream(selected, keywords), clips, args.snr_db, SEED)
    times = [line["time"] for line in listen(args.model, noisy.audio)]
    words = [(p.speech_start / SAMPLE_RATE, p.speech_stop / SAMPLE_RATE + LATENESS_SECONDS) for p in noisy.words]
    detected = [any(start <= time <= end for time in times) for start, end in words]
    elsewhere = [time for time in times if not any(start <= time <= end for start, end in words)]

    other = np.concatenate([clips.audio(row) for row in others])[: MINUTES * 60 * SAMPLE_RATE]
    print(
        json.dumps(
            {
                "model": args.model,
                "snr_db": args.snr_db,
                "words": len(words),
                "detected": sum(detected),
                "fired_elsewhere": len(elsewhere),
                "minutes_of_other_speech": round(len(other) / SAMPLE_RATE / 60, 2),
                "fired_on_other_speech": len(listen(args.model, other)),
            }
        )
    )


if __name__ == "__main__":
    main()
