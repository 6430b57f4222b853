"""Draws the trade-off of a report: missed words against false accepts an hour, a curve for each condition.

python -m benchmarks.det_picture report docs/images/det.svg
"""

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

from matplotlib.figure import Figure

TITLES = {"clean": "clean", "snr_20": "noise, 20 dB", "snr_10": "noise, 10 dB", "snr_5": "noise, 5 dB", "snr_0": "noise, 0 dB"}


def main() -> None:
    report, out = Path(sys.argv[1]), Path(sys.argv[2])
    metrics = json.loads((report / "metrics.json").read_text())
    curves = defaultdict(list)
    with open(report / "det.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            curves[row["condition"]].append((float(row["false_accepts_per_hour"]), 100 * float(row["false_reject_rate"])))
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axis = figure.subplots()
    for condition, points in curves.items():
        axis.step(*zip(*sorted(points), strict=True), where="post", label=TITLES.get(condition, condition))
    axis.set_xscale("symlog", linthresh=1)
    words, hours = metrics["positives"], metrics["negative_hours"]
    axis.set(xlim=(0, 100), ylim=(0, 60), xlabel=f"false accepts an hour, of {hours:.1f} hours", ylabel=f"missed of {words}, %")
    axis.grid(alpha=0.3)
    axis.legend()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
