"""Tables of false reject rates and equal error rates from the metrics.json of several runs, with the mean over seeds.

    python -m benchmarks.table runs/alexa-tiny-random runs/alexa-tiny-distilled [--rate=10]

Each name stands for the runs NAME-0, NAME-1, ... A cell has the mean over the seeds, the figure of each seed, and the 95 %
interval (Wilson) of the mean for the number of recordings of the keyword; seeds share the recordings, so they do not narrow
it. Minutes are those of the fine-tuning alone, without compilation and evaluation.
"""

import argparse
import json
from pathlib import Path

from scipy import stats


def cell(rates: list[float], positives: int) -> str:
    mean = sum(rates) / len(rates)
    interval = stats.binomtest(round(mean * positives), positives).proportion_ci(method="wilson")
    seeds = f" ({', '.join(f'{100 * rate:.1f}' for rate in rates)})" if len(rates) > 1 else ""
    return f"{100 * mean:.1f}{seeds} [{100 * interval.low:.1f}-{100 * interval.high:.1f}]"


def minutes(workdir: Path) -> float:
    """Minutes of a training run, from the rate of each logged step."""
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    steps = [0] + [row["step"] for row in rows]
    return sum((b - a) / row["steps_per_second"] for a, b, row in zip(steps[:-1], steps[1:], rows, strict=True)) / 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--rate", default="10", help="false accepts an hour")
    args = parser.parse_args()
    groups = {}
    for name in args.names:
        path = Path(name)
        workdirs = [file.parent.parent for file in sorted(path.parent.glob(f"{path.name}-[0-9]*/report/metrics.json"))]
        if workdirs:
            runs = [json.loads((workdir / "report/metrics.json").read_text()) for workdir in workdirs]
            groups[path.name] = (runs, sum(map(minutes, workdirs)) / len(workdirs))
    if not groups:
        parser.error(f"no {args.names[0]}-0/report/metrics.json")
    conditions = list(next(iter(groups.values()))[0][0]["conditions"])

    def table(title, cells):
        print(f"| {title} | " + " | ".join(conditions) + " | seeds | minutes |")
        print("| --- " * (len(conditions) + 3) + "|")
        for name, (runs, taken) in groups.items():
            row = [cells([run["conditions"][c] for run in runs], runs[0]["positives"]) for c in conditions]
            print(f"| {name} | " + " | ".join([*row, str(len(runs)), f"{taken:.0f}"]) + " |")
        print()

    table(
        f"false rejects, %, at {args.rate} FA/h",
        lambda results, positives: cell([r["frr_at_fa_per_hour"][args.rate] for r in results], positives),
    )
    table("equal error rate, %", lambda results, positives: f"{100 * sum(r['eer'] for r in results) / len(results):.1f}")


if __name__ == "__main__":
    main()
