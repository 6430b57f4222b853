"""How fast audio comes from where it lies to the device, beside how fast a training step takes it.

    python -m benchmarks.input --corpus=corpus --source=audio/manifest.csv

One JSON object a way, medians of --rounds with least and most; audio seconds are those of the crops that arrive:
  shards       from prepared shards on disk through threads to the device, batches of 2 s crops of the whole corpus
  memory       plans alone (all that a step needs of the host when the corpus is held on the device)
  dataloader   the same recordings as files, by torch.utils.data.DataLoader with soundfile, a worker a core, same crops
  finetune     whole steps of the tiny student, from memory and from shards, and the same compiled step with one and the
               same batch again and again: what the rest of a step costs is input, and the log's own `input_wait`
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
from pathlib import Path

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
    """PyTorch in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(files))
        listed.flush()
        sizes = (f"--batch={batch}", f"--batches={batches}", f"--workers={workers}")
        command = [sys.executable, str(Path(__file__).parent / "peers/torch_input.py"), listed.name, *sizes]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def as_files(corpus: str, folder: Path, subtype: str) -> list[str]:
    """The corpus's speech as files of 16 kHz, so that the peer need not resample."""
    import soundfile

    clips, written = read_corpus(corpus, "train"), []
    for row in clips.rows(clips.columns["kind"] == "speech"):
        if clips.columns["samples"][row] >= RATE // 2:
            written.append(str(folder / f"{row}.{subtype}"))
            soundfile.write(written[-1], clips.audio(row), RATE)
    return written


def steps_a_second(corpus: str, steps: int, memory_gib: float) -> tuple[float, float]:
    """Steps a second and the share of waiting of a fine-tuning run, without its first line, in which it compiles."""
    config = finetune.get_config()
    config.data.corpus, config.data.memory_gib = corpus, memory_gib
    config.steps, config.log_every, config.checkpoint_every, config.preflight = steps, steps // 2, steps, False
    with tempfile.TemporaryDirectory() as folder:
        run.run(config, Path(folder))
        last = json.loads((Path(folder) / "metrics.jsonl").read_text().splitlines()[-1])
    return last["steps_per_second"], last["input_wait"]


def same_batch_again(corpus: str, steps: int) -> float:
    """Steps a second of the same run, if every step is given the first one's plan."""
    real = inputs.read_ahead
    try:
        inputs.read_ahead = lambda make, first, last: (lambda plan: (plan for _ in range(first, last)))(make(0))
        return steps_a_second(corpus, steps, 4.0)[0]
    finally:
        inputs.read_ahead = real


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--source", help="the files that the corpus was prepared from: the peer reads them too")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    seconds = args.batch * args.batches * SAMPLES / RATE
    crops, rows = crops_of(args.corpus, args.batch), range(args.batch)
    resident = Resident.of(crops.clips, SAMPLES)
    with tempfile.TemporaryDirectory() as folder:
        peers = {f"dataloader, {kind} at 16 kHz": as_files(args.corpus, Path(folder), kind) for kind in ("wav", "flac")}
        if args.source:
            clips = [c for c in read_source(args.source) if c.split == "train" and c.kind == "speech"]
            peers["dataloader, source files, not resampled"] = [str(clip.path) for clip in clips]
        found: dict[str, list[float]] = {}
        arrive(read_ahead(functools.partial(crops.batch, rows=rows), 0, 10))  # opens the shards
        for _ in range(args.rounds):  # in turns, because the machine's speed varies
            make = functools.partial(crops.batch, rows=rows)
            found.setdefault("shards", []).append(rate_of(lambda m=make: arrive(read_ahead(m, 0, args.batches)), seconds))
            plan = lambda step: resident.locate(crops.plan(step, rows))  # noqa: E731
            found.setdefault("memory", []).append(rate_of(lambda p=plan: arrive(read_ahead(p, 0, args.batches)), seconds))
            for name, files in peers.items():
                found.setdefault(name, []).append(peer(files, args.batch, args.batches, cores))
        for name, rates in found.items():
            ratios = [ours / theirs for ours, theirs in zip(found["shards"], rates, strict=True)]
            more = {"shards_are_faster": round(statistics.median(ratios), 2)} if name.startswith("dataloader") else {}
            summary(name, rates, cores, **more)
    print("fine-tuning ...", file=sys.stderr)
    runs = {"memory": [], "shards": [], "same batch again": []}
    waits = {"memory": [], "shards": []}
    for _ in range(3):
        for name, gib in (("memory", 4.0), ("shards", 0.0)):
            rate, wait = steps_a_second(args.corpus, args.steps, gib)
            runs[name].append(rate)
            waits[name].append(wait)
        runs["same batch again"].append(same_batch_again(args.corpus, args.steps))
    clip = finetune.get_config().data
    taken = finetune.get_config().batch_size * (clip.window_seconds + clip.lead_seconds)
    for name, rates in runs.items():
        line = {"way": f"finetune tiny, {name}", "steps_per_s": round(statistics.median(rates), 3), "audio_s_per_s": None}
        line |= {"least": round(min(rates), 3), "most": round(max(rates), 3)}
        line["audio_s_per_s"] = round(statistics.median(rates) * taken)
        if name in waits:
            line["input_wait"] = round(statistics.median(waits[name]), 4)
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
