"""Speed of input: audio seconds a second from disk or memory to the device, and in training steps.

    python -m benchmarks.input --corpus=corpus --source=audio/manifest.csv

Prints a JSON object for each way of reading, with the median, least and most of --rounds. Audio seconds are those of the crops
that arrive on the device.
  shards       from prepared shards on disk, through threads, in batches of 2 s crops of the whole corpus
  memory       plans alone: the only input from the host when the corpus is held on the device
  dataloader   the same recordings as files, by torch.utils.data.DataLoader with soundfile, one worker for each core
  finetune     whole steps of the tiny student, from memory, from shards, and with the same batch at every step, so that the
               difference is the cost of input; `input_wait` is that of the run's log
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from configs import finetune
from s3rl_jax.batches.crops import Crops
from s3rl_jax.batches.read_ahead import read_ahead
from s3rl_jax.batches.resident import Resident
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.train import inputs, run

RATE = 16_000
SAMPLES = 2 * RATE
WINDOW_SECONDS = 1.5  # of fine-tuning


def rate_of(consume, audio_seconds: float) -> float:
    begun = time.perf_counter()
    consume()
    return audio_seconds / (time.perf_counter() - begun)


def summary(way: str, rates: list[float], cores: int, **more) -> None:
    middle = statistics.median(rates)
    spread = {"least": round(min(rates)), "most": round(max(rates))}
    print(
        json.dumps({"way": way, "audio_s_per_s": round(middle), **spread, "per_core": round(middle / cores), **more}),
        flush=True,
    )


def crops_of(corpus: str, batch: int) -> Crops:
    clips = read_corpus(corpus, "train")
    return Crops.of(clips, SAMPLES, batch, seed=0, shortest=RATE // 2, settings=ConfigDict({"corpora": ()}))


def arrive(batches) -> None:
    """Puts every batch on the device."""
    for batch in batches:
        jax.block_until_ready(jax.device_put(batch))


def peer(files: list[str], batch: int, batches: int, workers: int) -> float:
    """Measures PyTorch's DataLoader in another process; returns audio seconds a second."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(files))
        listed.flush()
        sizes = (f"--batch={batch}", f"--batches={batches}", f"--workers={workers}")
        command = [sys.executable, str(Path(__file__).parent / "peers/torch_input.py"), listed.name, *sizes]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def as_files(corpus: str, folder: Path, subtype: str) -> list[str]:
    """Writes the corpus's speech as files at 16 kHz, so that the peer need not resample; returns their paths."""
    import soundfile

    clips, written = read_corpus(corpus, "train"), []
    for row in clips.rows(clips.columns["kind"] == "speech"):
        if clips.columns["samples"][row] >= RATE // 2:
            written.append(str(folder / f"{row}.{subtype}"))
            soundfile.write(written[-1], clips.audio(row), RATE)
    return written


def steps_a_second(corpus: str, steps: int, memory_gib: float) -> tuple[float, float]:
    """Steps a second of a fine-tuning run, and its share of waiting for input; measured in its second half."""
    config = finetune.get_config()
    config.data.corpus, config.data.memory_gib, config.data.window_seconds = corpus, memory_gib, WINDOW_SECONDS
    config.steps, config.log_every, config.checkpoint_every, config.preflight = steps, steps // 2, steps, False
    with tempfile.TemporaryDirectory() as folder:
        run.run(config, Path(folder))
        last = json.loads((Path(folder) / "metrics.jsonl").read_text().splitlines()[-1])
    return last["steps_per_second"], last["input_wait"]


def same_batch_again(corpus: str, steps: int) -> float:
    """Steps a second of the same run if every step gets the plan of the first step."""
    real = inputs.read_ahead
    try:
        inputs.read_ahead = lambda make, first, last: (lambda plan: (plan for _ in range(first, last)))(make(0))
        return steps_a_second(corpus, steps, 4.0)[0]
    finally:
        inputs.read_ahead = real


def measure_reading(
    crops: Crops, peers: dict[str, list[str]], batch: int, batches: int, rounds: int, cores: int
) -> dict[str, list[float]]:
    """Audio seconds a second of each way of reading, in each round. The ways run in turn, as the machine's speed varies."""
    rows, seconds = range(batch), batch * batches * SAMPLES / RATE
    resident = Resident.of(crops.clips, SAMPLES)
    ways: dict[str, Callable[[int], Any]] = {
        "shards": functools.partial(crops.batch, rows=rows),
        "memory": lambda step: resident.locate(crops.plan(step, rows)),
    }
    arrive(read_ahead(ways["shards"], 0, 10))  # opens the shards
    rates: dict[str, list[float]] = {name: [] for name in (*ways, *peers)}
    for _ in range(rounds):
        for name, make in ways.items():
            rates[name].append(rate_of(lambda make=make: arrive(read_ahead(make, 0, batches)), seconds))
        for name, files in peers.items():
            rates[name].append(peer(files, batch, batches, cores))
    return rates


def measure_training(corpus: str, steps: int) -> Iterator[dict[str, Any]]:
    """Yields a result for each way of feeding a fine-tuning run."""
    rates = {"memory": [], "shards": [], "same batch again": []}
    waits = {"memory": [], "shards": []}
    for _ in range(3):
        for name, gib in (("memory", 4.0), ("shards", 0.0)):
            rate, wait = steps_a_second(corpus, steps, gib)
            rates[name].append(rate)
            waits[name].append(wait)
        rates["same batch again"].append(same_batch_again(corpus, steps))
    config = finetune.get_config()
    audio = config.batch_size * (WINDOW_SECONDS + config.data.lead_seconds)  # audio seconds of a step
    for name, values in rates.items():
        line = {"way": f"finetune tiny, {name}", "steps_per_s": round(statistics.median(values), 3)}
        line |= {"audio_s_per_s": round(statistics.median(values) * audio)}
        line |= {"least": round(min(values), 3), "most": round(max(values), 3)}
        if name in waits:
            line["input_wait"] = round(statistics.median(waits[name]), 4)
        yield line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--source", help="source of the corpus, which the peer reads too")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        peers = {f"dataloader, {kind} at 16 kHz": as_files(args.corpus, Path(folder), kind) for kind in ("wav", "flac")}
        if args.source:
            rows = [row for row in read_source(args.source) if row.split == "train" and row.kind == "speech"]
            peers["dataloader, source files, not resampled"] = [str(row.path) for row in rows]
        crops = crops_of(args.corpus, args.batch)
        rates = measure_reading(crops, peers, args.batch, args.batches, args.rounds, cores)
    for name, values in rates.items():
        ratios = [shards / other for shards, other in zip(rates["shards"], values, strict=True)]
        more = {"shards_are_faster": round(statistics.median(ratios), 2)} if name.startswith("dataloader") else {}
        summary(name, values, cores, **more)
    print("fine-tuning ...", file=sys.stderr)
    for line in measure_training(args.corpus, args.steps):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
