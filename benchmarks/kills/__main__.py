"""SIGKILL at random moments, ten for each command that takes long; the same command then goes on.

    python -m benchmarks.kills [--kills=10] [--seed=0] [--only=mine] [--work=runs/kills] [--out=benchmarks/results/kills.json]

An undisturbed run gives the result and the seconds of computing. Then the command is started, and killed after a random part
of these seconds: all of its processes, or the first alone. After one to three kills it ends undisturbed, and its result is
compared with the first one; the next kill begins in a new folder. All the while a reader opens the result: it may see nothing,
what was there before, or the whole, but no half. Finished commands are recorded in WORK/SEED.jsonl, so a run that was cut goes
on. Prints a table; the exit status is 1 if a result differs, a half was seen or a process was left behind.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.kills.jobs import Job, jobs_of
from benchmarks.kills.session import kill, left_behind, start, wait
from benchmarks.measuring import about
from benchmarks.toy import toy
from s3rl_jax.core.durable import json_lines
from s3rl_jax.corpus.keywords import folder_name

MOST_KILLS = 3  # before a command may end
UNREADABLE = "cannot be read"  # in the messages of a command that goes on from damaged files
COLUMNS = ("kills", "ends", "equal", "halves", "left behind", "seconds")


def undisturbed(job: Job, folder: Path) -> tuple[dict[str, str], float, set[str]]:
    """Runs a command to its end. Returns its digests, seconds of computing, and what readers may see."""
    job.place(folder)
    allowed = {"", job.seen(folder)}
    seconds = run(job, folder)
    return job.digests(folder), seconds, allowed | {job.seen(folder)}


def run(job: Job, folder: Path) -> float:
    """Runs a command; returns seconds of computing.

    Raises:
      SystemExit: if it fails.
    """
    with open(f"{folder}.log", "w+", encoding="utf-8") as errors:
        module, *arguments = job.command(folder)
        process = start((f"s3rl_jax.{module}", *arguments), errors)
        seconds = wait(process, lambda: None)
    if process.returncode:
        raise SystemExit(f"{module}: status {process.returncode}\n{Path(errors.name).read_text()[-3000:]}")
    return seconds


def disturb(job: Job, kills: int, rng: random.Random, work: Path) -> dict:
    """Kills a command `kills` times. Returns figures, with a list of what was wrong."""
    shutil.rmtree(work, ignore_errors=True)  # of a run that was cut
    work.mkdir(parents=True)
    digests, seconds, allowed = undisturbed(job, work / "whole")
    figures = {"kills": 0, "ends": 0, "equal": 0, "halves": 0, "left behind": 0, "seconds": round(seconds, 1), "wrong": []}
    number = 0
    while figures["kills"] < kills:
        folder = work / f"cut-{number}"
        job.place(folder)
        for _ in range(rng.randint(1, MOST_KILLS)):
            if figures["kills"] < kills:
                _kill_once(job, folder, rng, seconds, allowed, figures)
        run(job, folder)
        if UNREADABLE in Path(f"{folder}.log").read_text():
            figures["halves"] += 1
            figures["wrong"].append(f"{folder.name}: a file was damaged: {folder}.log")
        ended = job.digests(folder)
        different = [name for name in digests.keys() | ended.keys() if digests.get(name) != ended.get(name)]
        figures["ends"] += 1
        figures["equal"] += not different
        if different:
            figures["wrong"].append(f"{folder.name} differs in {', '.join(sorted(different)[:5])}")
        else:
            shutil.rmtree(folder)
        number += 1
    return figures


def _kill_once(job: Job, folder: Path, rng: random.Random, seconds: float, allowed: set[str], figures: dict) -> None:
    """Starts the command, kills it after a random part of its seconds, and watches what a reader sees."""

    def watch() -> None:
        if (seen := job.seen(folder)) not in allowed:
            figures["halves"] += 1
            figures["wrong"].append(f"{folder.name}: a reader saw {seen}")

    module, *arguments = job.command(folder)
    process, alone = start((f"s3rl_jax.{module}", *arguments), subprocess.DEVNULL), rng.random() < 0.5
    wait(process, watch, rng.uniform(0, seconds))
    if process.poll() is not None:  # it ended first
        return
    kill(process, alone)
    figures["kills"] += 1
    watch()
    if processes := left_behind(process.pid):
        figures["left behind"] += len(processes)
        figures["wrong"].append(f"{folder.name}: {len(processes)} processes left behind")
        os.killpg(process.pid, 9)


def table(results: dict[str, dict]) -> str:
    """Formats a Markdown table: a row for each command."""
    rows = [["command", *COLUMNS], ["---"] * (len(COLUMNS) + 1)]
    rows += [[name, *(str(figures[column]) for column in COLUMNS)] for name, figures in results.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a part of the name of a command")
    parser.add_argument("--work", default="runs/kills", help="folder of the material, the records and the results")
    parser.add_argument("--out", default="", help="file for the figures, as JSON")
    args = parser.parse_args()
    work = Path(args.work).absolute()
    jobs = jobs_of(toy(work / "toy"), work / "material")
    journal = work / f"{args.seed}.jsonl"
    results = {record["name"]: record["figures"] for record in json_lines(journal)}
    for name, job in jobs.items():
        if name not in results and args.only in name:
            results[name] = disturb(job, args.kills, random.Random(f"{args.seed}/{name}"), work / folder_name(name))
            with open(journal, "a", encoding="utf-8") as file:
                file.write(json.dumps({"name": name, "figures": results[name]}) + "\n")
            print(table({name: results[name]}), *results[name]["wrong"], sep="\n", flush=True)
    if args.out:
        figures = {"seed": args.seed, **about(), "commands": results}
        Path(args.out).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(table(results))
    sys.exit(any(figures["wrong"] for figures in results.values()))


if __name__ == "__main__":
    main()
