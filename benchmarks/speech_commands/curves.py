"""The table and the plot of accuracy by the number of recordings of each word."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

Accuracies = dict[str, dict[int, list[float]]]  # row -> recordings of each word -> accuracy of each draw, in %


def accuracies(cells: list[dict]) -> Accuracies:
    """Sorts the measured cells."""
    sorted_cells: Accuracies = {}
    for cell in sorted(cells, key=lambda cell: cell["count"]):
        sorted_cells.setdefault(cell["row"], {}).setdefault(cell["count"], []).append(100 * cell["accuracy"])
    return sorted_cells


def markdown(cells: list[dict]) -> str:
    """A row for each student: the mean over the draws, with the least and greatest."""
    counts = sorted({cell["count"] for cell in cells})
    lines = [f"| accuracy, % | {' | '.join(map(str, counts))} |", "| --- " * (1 + len(counts)) + "|"]
    for row, by_count in accuracies(cells).items():
        texts = [_text(by_count.get(count, [])) for count in counts]
        lines.append(f"| {row} | {' | '.join(texts)} |")
    return "\n".join(lines)


def plot(cells: list[dict], path: Path) -> None:
    """Draws the means, with bars from the least to the greatest."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for row, by_count in accuracies(cells).items():
        means = np.array([np.mean(values) for values in by_count.values()])
        ends = np.array([(min(values), max(values)) for values in by_count.values()]).T
        axes.errorbar(list(by_count), means, abs(ends - means), marker="o", capsize=3, label=row)
    axes.set(xscale="log", xlabel="recordings of each word", ylabel="accuracy, %")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)


def _text(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{np.mean(values):.1f} ({min(values):.1f}-{max(values):.1f})" if len(values) > 1 else f"{values[0]:.1f}"
