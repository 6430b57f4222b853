"""Benefit of a round of hard-negative mining, compared with a round of the same length without it.

    python -m benchmarks.mining --source=audio/manifest.csv --out=runs/mining --seeds=2

Prepares two corpora from a manifest with `train` and `test`: the keyword with a quarter of the other training voices, and, as
unlabelled audio, the other three quarters. Trains a detector on the first, mines the second, trains the detector further with
and without the mined stretches, and evaluates all three on the test split. Prints a JSON object for each seed, and continues
after an interruption.
"""

import argparse
import csv
import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

from s3rl_jax.prepare.preparation import prepare
from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.prepare.summary import describe

FRR = (0.05, 0.1, 0.2)  # false reject rates at which false accepts are compared


def command(module: str, *arguments: str) -> None:
    print(f"$ python -m s3rl_jax.{module} {' '.join(arguments)}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", f"s3rl_jax.{module}", *arguments], check=True, stdout=sys.stderr)


def divide(source: str, out: Path, keyword: str) -> None:
    """Prepares two corpora: one with labels, one without, each with its own voices."""
    corpora: dict[str, list] = {"labelled": [], "unlabelled": []}
    for clip in read_source(source):
        kept = clip.split != "train" or clip.kind != "speech" or clip.label.lower() == keyword
        bucket = int(hashlib.sha256(clip.speaker.encode()).hexdigest(), 16) % 4
        if kept or bucket == 0:
            corpora["labelled"].append(clip)
        else:
            corpora["unlabelled"].append(dataclasses.replace(clip, label=""))
    for name, clips in corpora.items():
        print(describe(prepare(clips, str(out / name)), str(out / name)), file=sys.stderr)


def false_accepts(report: Path) -> dict[str, dict[str, float]]:
    """False accepts an hour at each false reject rate, for each condition, from det.csv."""
    rates: dict[str, dict[str, float]] = {}
    with open(report / "det.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            accepts, rejects = float(row["false_accepts_per_hour"]), float(row["false_reject_rate"])
            for rate in FRR:
                best = rates.setdefault(row["condition"], {})
                if rejects <= rate:
                    best[str(rate)] = min(best.get(str(rate), accepts), accepts)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--keyword", default="alexa")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--more", type=int, default=400, help="steps of the round with and without mined negatives")
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    corpus, unlabelled = args.out / "labelled", args.out / "unlabelled"
    if not (unlabelled / "corpus").is_dir():
        divide(args.source, args.out, args.keyword)
    for seed in range(args.seeds):
        first, mined = args.out / f"first-{seed}", args.out / f"mined-{seed}"
        common = (f"--config.keyword={args.keyword}", f"--config.seed={seed}", "--config.preflight=False")
        train = ("--config=configs/finetune.py", f"--config.data.corpus={corpus}", *common)
        command("train", *train, f"--workdir={first}", f"--config.steps={args.steps}")
        if not (mined / "corpus").is_dir():
            command("mine", f"--workdir={first}", f"--corpus={unlabelled}", f"--out={mined}")
        again = ("--config=configs/finetune.py:mined", *common, f"--config.init={first}", f"--config.steps={args.more}")
        without = (f"--config.data.corpus={corpus}", "--config.data.mixture.corpora=(1.0,)")
        command("train", *again, f"--workdir={args.out}/without-{seed}", *without)
        command("train", *again, f"--workdir={args.out}/with-{seed}", f"--config.data.corpus={corpus},{mined}")
        rows = {}
        for name in ("first", "without", "with"):
            report = args.out / f"report-{name}-{seed}"
            if not (report / "metrics.json").is_file():
                command("evaluate", f"--workdir={args.out}/{name}-{seed}", f"--corpus={corpus}", f"--out={report}")
            measured = json.loads((report / "metrics.json").read_text())
            rows[name] = {
                "false_accepts_per_hour_at_frr": false_accepts(report),
                "frr_at_10_an_hour": {c: r["frr_at_fa_per_hour"]["10"] for c, r in measured["conditions"].items()},
            }
        print(json.dumps({"seed": seed, **rows}), flush=True)


if __name__ == "__main__":
    main()
