"""Hostile input of every kind for every command, by seeds, each in a process of its own.

    python -m benchmarks.attack --tries=5000 --seed=0 [--minutes=M] [--work=runs/attack] [--out=benchmarks/results/attack.json]
    python -m benchmarks.attack --number=1234      # a single try again, with its files kept

A try is a command and its input. It is at fault if it ends in a traceback, a signal or no message, takes over 20 s or more
memory than its input explains, or accepts what nobody could mean. Try `number` of a seed is the same on every machine. Most
tries run in a copy of a process that has imported the libraries; every hundredth as a user starts it. Finished tries are
recorded in WORK/SEED.jsonl, so a run that was cut goes on. Prints a table by kind; the exit status is 1 if there is a fault.
"""

import argparse
import gc
import importlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.attack.kinds import KINDS, kind_of
from benchmarks.attack.process import FAULTS, judge, run_forked, run_whole
from benchmarks.attack.sounds import recordings
from benchmarks.attack.table import summary, text
from benchmarks.measuring import about
from benchmarks.toy import Toy, toy
from s3rl_jax.core.durable import json_lines

WHOLE = 100  # every so many tries is a whole command
LIBRARIES = (
    *(
        f"s3rl_jax.{name}.__main__"
        for name in ("ablate", "demo", "detect", "evaluate", "export", "mine", "prepare", "pretrained")
    ),
    *("s3rl_jax.starter.__main__", "s3rl_jax.train.__main__", "s3rl_jax.train.command", "s3rl_jax.train.run"),
    *("s3rl_jax.ablate.ablation", "s3rl_jax.evaluate.evaluation", "s3rl_jax.mine.mining", "s3rl_jax.pretrained.packing"),
    *("s3rl_jax.prepare.preparation", "s3rl_jax.prepare.sources.recognise", "s3rl_jax.prepare.synthesis.resume"),
    *("tensorflow_datasets", "array_record.python.array_record_module", "ai_edge_litert.interpreter", "soundfile", "soxr"),
)


def attempt(seed: int, number: int, work: Path, material: Toy, keep: bool = False) -> dict:
    """Makes one try. Returns its record: number, kind, whole, verdict, text, seconds, megabytes."""
    rng = random.Random(f"{seed}/{number}")
    kind, whole = kind_of(rng), number % WHOLE == WHOLE - 1
    folder = Path(tempfile.mkdtemp(prefix=f"{number}-", dir=work))
    try:
        tried = KINDS[kind].create(rng, folder, material)
        ending = (run_whole if whole else run_forked)(tried, folder)
        verdict, said = judge(ending, tried)
    finally:
        if not keep:
            shutil.rmtree(os.fsencode(folder))  # bytes: names that are no UTF-8
    if keep:
        print(folder, ascii(tried.command), ending.errors, sep="\n")
    times = {"seconds": round(ending.seconds, 2), "megabytes": round(ending.megabytes)}
    return {"number": number, "kind": kind, "whole": whole, "verdict": verdict, "text": said, **times}


def attack(seed: int, numbers: Iterable[int], journal: Path, material: Toy, jobs: int, end: float) -> None:
    """Makes the tries in `jobs` processes, until the time `end`; appends the record of each to the journal."""
    workers = []
    for worker in range(jobs):
        if pid := os.fork():
            workers.append(pid)
            continue
        with open(journal, "a", encoding="utf-8") as file:
            for number in numbers:
                if number % jobs == worker and time.time() < end:
                    file.write(json.dumps(attempt(seed, number, journal.parent, material)) + "\n")
                    file.flush()
        os._exit(0)
    for pid in workers:
        if status := os.waitpid(pid, 0)[1]:
            raise SystemExit(f"a process of the benchmark failed: status {status}")


def main() -> None:
    args = _parser().parse_args()
    work = Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    material = toy(work / "toy")
    for name in LIBRARIES:
        importlib.import_module(name)
    recordings()
    gc.freeze()  # a collection in a forked process would copy all pages
    if args.number is not None:
        print(json.dumps(attempt(args.seed, args.number, work, material, keep=True), indent=2))
        return
    journal = work / f"{args.seed}.jsonl"
    done = {record["number"] for record in json_lines(journal)}
    end = time.time() + args.minutes * 60 if args.minutes else float("inf")
    attack(args.seed, [number for number in range(args.tries) if number not in done], journal, material, args.jobs, end)
    records = [record for record in json_lines(journal) if record["number"] < args.tries]
    figures = {"seed": args.seed, **about(), **summary(records)}
    if args.out:
        Path(args.out).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(text(figures))
    for record in records:
        if record["verdict"] in FAULTS:
            print(f"{record['number']}: {record['kind']}: {record['verdict']}: {record['text']!a}")
    sys.exit(any(record["verdict"] in FAULTS for record in records))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0.0, help="end after so many minutes; 0: after all tries")
    parser.add_argument("--number", type=int, help="make this try alone, and keep its files")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="tries at once")
    parser.add_argument("--work", default="runs/attack", help="folder of the material, the records and temporary files")
    parser.add_argument("--out", default="", help="file for the figures, as JSON")
    return parser


if __name__ == "__main__":
    main()
