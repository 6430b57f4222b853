"""A table of false reject rates out of the metrics.json of several runs, seeds put together.

    python benchmarks/table.py runs/alexa-tiny-random runs/alexa-tiny-distilled [--rate=10]

Each name stands for the runs NAME-0, NAME-1, ... A cell has the mean over the seeds, each seed's own figure, and the 95 %
interval (Wilson) of the mean for the number of recordings of the keyword: seeds share the recordings, so they do not
narrow it.
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--rate", default="10", help="false accepts an hour")
    args = parser.parse_args()
    header = None
    for name in args.names:
        path = Path(name)
        found = sorted(path.parent.glob(f"{path.name}-[0-9]*/report/metrics.json"))
        runs = [json.loads(file.read_text()) for file in found]
        if not runs:
            continue
        if header is None:
            header = list(runs[0]["conditions"])
            print(f"| false rejects, %, at {args.rate} FA/h | seeds | " + " | ".join(header) + " |")
            print("| --- " * (len(header) + 2) + "|")
        cells = [
            cell([run["conditions"][c]["frr_at_fa_per_hour"][args.rate] for run in runs], runs[0]["positives"]) for c in header
        ]
        print(f"| {path.name} | {len(runs)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
