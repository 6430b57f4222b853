"""Misses of people by the quickstart's detector, whose recordings of the keyword are all synthesised.

    python -m benchmarks.quickstart [--corpus=held] [--quickstart=quickstart/alexa] [--most=10] [--out=FILE.json]

Runs launch/quickstart.sh unless its detector is there (some ten minutes), evaluates the detector on recordings of people, and
prints a table. The default corpus is the starter set, whose test split has 79 recordings of "alexa" by people; a corpus of
one's own with people must have a test split whose voices are in no training set. Run it before a change of data, training or
evaluation is called done: the exit status is 1 if more than --most per cent are missed in clean sound at the lowest rate of
false accepts that the corpus is long enough for. docs/results.md has the last figures.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import about
from s3rl_jax.runs.workdir import CHECKPOINTS

ROOT = Path(__file__).parent.parent
CONDITIONS = ("clean", "snr_10", "snr_5")
RATES = ("0.5", "1", "10")  # false accepts an hour


def measure(quickstart: Path, corpus: str) -> dict:
    """Trains the detector unless it is there, and evaluates it. Returns the figures of each condition."""
    workdir, report = quickstart / "detector", quickstart / "people"
    if not (workdir / CHECKPOINTS).is_dir():
        subprocess.run([ROOT / "launch/quickstart.sh", f"--config.keyword={quickstart.name}"], cwd=ROOT, check=True)
    command = ("s3rl_jax.evaluate", f"--workdir={workdir}", f"--corpus={corpus}", f"--out={report}")
    subprocess.run([sys.executable, "-m", *command, f"--conditions={','.join(CONDITIONS)}"], check=True)
    metrics = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    if metrics["synthetic_positives"]:
        raise SystemExit(f"--corpus={corpus}: {metrics['synthetic_positives']} recordings are synthetic; expected people's")
    conditions = {}
    for name in CONDITIONS:
        result = metrics["conditions"][name]
        shown = [rate for rate in RATES if rate not in result["too_few_hours_for"]]
        conditions[name] = {
            rate: {"frr": result["frr_at_fa_per_hour"][rate], "interval_95": result["frr_interval_95"][rate]} for rate in shown
        }
    names = ("keyword", "positives", "negative_hours", "step")
    return {**{name: metrics[name] for name in names}, "corpus": corpus, "conditions": conditions}


def table(figures: dict) -> str:
    """Formats a Markdown table: a row for each rate of false accepts, a column for each condition."""
    conditions = figures["conditions"]
    lines = [f"| false accepts an hour | {' | '.join(conditions)} |", "| --- " * (len(conditions) + 1) + "|"]
    for rate in conditions[CONDITIONS[0]]:
        cells = []
        for name in conditions:
            low, high = conditions[name][rate]["interval_95"]
            cells.append(f"{100 * conditions[name][rate]['frr']:.1f} [{100 * low:.1f}-{100 * high:.1f}]")
        lines.append(f"| {rate} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="starter", help="a corpus with a test split of people")
    parser.add_argument("--quickstart", type=Path, default=ROOT / "quickstart/alexa", help="folder of launch/quickstart.sh")
    parser.add_argument("--most", type=float, default=10.0, help="misses in clean sound, in per cent, above which it fails")
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    args = parser.parse_args()
    figures = {**about(), **measure(args.quickstart, args.corpus)}
    if args.out:
        args.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(table(figures))
    rate, clean = next(iter(figures["conditions"]["clean"].items()))
    if (missed := 100 * clean["frr"]) > args.most:
        sys.exit(f"{missed:.1f} % missed in clean sound at {rate} false accepts an hour; expected at most {args.most:g}")


if __name__ == "__main__":
    main()
