"""Speed of each engine of synthetic speech on one core: keywords a second, and seconds of sound a second.

python -m benchmarks.voices --keyword=alexa
"""

import argparse
import time

import numpy as np

from s3rl_jax.prepare.synthesis.engines import voices_of
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.script import DEFAULT_ENGINES, read_engines
from s3rl_jax.prepare.synthesis.trimming import trimmed
from s3rl_jax.prepare.synthesis.voice import Voice, draw_manner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keyword", default="alexa")
    parser.add_argument("--clips", type=int, default=30)
    args = parser.parse_args()
    engines = read_engines(DEFAULT_ENGINES)
    print("| engine | voices | keywords a second | seconds of sound a second | seconds of a keyword: 10, 50, 90 % |")
    for engine, voices in voices_of(engines, Espeak(), "en", "", "").items():
        print(f"| {engine} | {len(voices)} | {measure(voices, args.keyword, args.clips)} |", flush=True)


def measure(voices: list[Voice], keyword: str, clips: int) -> str:
    """Speaks with random voices, or blends of them, in random manners; the first utterance loads the model."""
    rng = np.random.default_rng(0)
    voices[0].speak(keyword, voices[0].accents[0], draw_manner(rng))
    seconds, lengths, begun, busy = 0.0, [], time.perf_counter(), time.process_time()
    for _ in range(clips):
        one, other = (voices[int(i)] for i in rng.integers(len(voices), size=2))
        samples, rate = one.blend(other, 0.5).speak(keyword, one.accents[0], draw_manner(rng))
        seconds += len(samples) / rate
        lengths.append(len(trimmed(samples, rate)) / rate)
    # Programs compute in processes of their own, which this one waits for.
    taken = max(time.process_time() - busy, time.perf_counter() - begun if voices[0].engine in ("flite", "festival") else 0)
    spread = ", ".join(f"{length:.2f}" for length in np.quantile(lengths, (0.1, 0.5, 0.9)))
    return f"{clips / taken:.1f} | {seconds / taken:.1f} | {spread}"


if __name__ == "__main__":
    main()
