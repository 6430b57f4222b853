"""The report's plots, as SVG text."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from scipy import stats

from s3rl_jax.detect.firing import REFRACTORY_SECONDS
from s3rl_jax.evaluate.curves import RATES, Curve
from s3rl_jax.evaluate.results import ConditionResult

# Detections an hour that the refractory time allows. The DET plot shows false accepts as a share of these.
MOST_AN_HOUR = 3600 / REFRACTORY_SECONDS
REJECT_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
ACCEPT_TICKS = (0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
SMALLEST_SHARE = 1e-6  # stands for 0, which has no probit; it lies outside the axes


def condition_title(condition: str) -> str:
    """A condition's name in the report, such as "5 dB rain" for snr_5:rain."""
    snr, _, kind = condition.removeprefix("snr_").partition(":")
    return f"{snr} dB{f' {kind}' if kind else ''}" if condition.startswith("snr_") else condition


def det_plot(results: Mapping[str, ConditionResult]) -> Figure:
    """Plots detection error trade-offs on probit axes (Martin et al. 1997), on which normally distributed scores are lines.

    Points at which nothing is missed or nothing fires lie outside the axes.
    """
    figure, axes = _new_plot(8.0, 5.5)
    for number, (name, result) in enumerate(results.items()):
        colour = f"C{number % 10}"
        axes.plot(*_probits(result.curve), color=colour, label=condition_title(name), drawstyle="steps-post")
        for dashes, curve in enumerate(result.baseline_curves.values(), start=2):
            axes.plot(*_probits(curve), color=colour, linestyle=(0, (4, dashes)), linewidth=1, drawstyle="steps-post")
    if any(result.baseline_curves for result in results.values()):
        axes.plot([], [], color="grey", linestyle="--", label="baselines")
    probit = stats.norm.ppf
    axes.set_xticks(probit(np.array(ACCEPT_TICKS) / MOST_AN_HOUR), [f"{rate:g}" for rate in ACCEPT_TICKS])
    axes.set_yticks(probit(np.array(REJECT_TICKS)), [f"{share:.0%}" for share in REJECT_TICKS])
    axes.set(
        xlim=probit(np.array([0.08, 700]) / MOST_AN_HOUR),
        ylim=probit(np.array([0.005, 0.9])),
        xlabel="false accepts an hour (probit)",
        ylabel="false rejects (probit)",
        title="Trade-off",
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def reject_plot(conditions: Mapping[str, dict]) -> Figure:
    """Plots false rejects of each condition with 95 % intervals, at each rate for which the stream is long enough.

    Args:
      conditions: `conditions` of metrics.json.
    """
    figure, axes = _new_plot(8.0, 3.8)
    names = list(conditions)
    rates = [rate for rate in RATES if rate not in conditions[names[0]]["too_few_hours_for"]] or [RATES[-1]]
    for number, rate in enumerate(rates):
        middle = [100 * conditions[name]["frr_at_fa_per_hour"][rate] for name in names]
        ends = np.array([conditions[name]["frr_interval_95"][rate] for name in names]).T * 100
        errors = np.abs(ends - middle)
        offset = np.arange(len(names)) + 0.12 * (number - (len(rates) - 1) / 2)
        axes.errorbar(offset, middle, errors, marker="o", capsize=3, linestyle="", label=f"at {rate} FA/h")
    many = len(names) > 8
    axes.set_xticks(
        range(len(names)),
        [condition_title(name) for name in names],
        rotation=30 if many else 0,
        ha="right" if many else "center",
    )
    axes.set(ylabel="false rejects, %", ylim=(-2, 102), title="False rejects by condition")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def training_plot(rows: Sequence[dict]) -> Figure | None:
    """Plots loss and accuracies over the steps of a run; None for a run without logged steps."""
    if not rows:
        return None
    figure, axes = _new_plot(8.0, 3.2)
    steps = [row["step"] for row in rows]
    axes.plot(steps, [row["loss"] for row in rows], color="C3", label="loss")
    axes.set(xlabel="step", ylabel="loss", title="Training")
    accuracies = axes.twinx()
    for name in sorted(name for name in rows[-1] if name.endswith("accuracy")):
        accuracies.plot(steps, [row.get(name, np.nan) for row in rows], label=name.replace("_", " "))
    accuracies.set(ylabel="accuracy", ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    lines = [*axes.get_lines(), *accuracies.get_lines()]
    axes.legend(lines, [line.get_label() for line in lines], fontsize="small")
    return figure


def confusion_plot(classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> Figure:
    """Plots a confusion matrix: a row for each true class, coloured by the shares of the row."""
    size = max(4.0, 0.32 * len(classes) + 1.5)
    figure, axes = _new_plot(size, size)
    counts = np.array(matrix, float)
    axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=90)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted class", ylabel="true class")
    for (true, predicted), count in np.ndenumerate(counts):
        if count and len(classes) <= 15:
            axes.text(predicted, true, f"{count:.0f}", ha="center", va="center", fontsize=7)
    return figure


def svg(figure: Figure) -> str:
    """Renders a plot as an <svg> element; the same plot always gives the same text, without date and random identifiers."""
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "report"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _new_plot(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    return figure, figure.subplots()


def _probits(curve: Curve) -> tuple[Float[np.ndarray, "points"], Float[np.ndarray, "points"]]:
    """Probits of the shares of false accepts and of false rejects."""
    accepts, rejects = curve.false_accepts / curve.hours / MOST_AN_HOUR, curve.false_rejects / curve.words
    return tuple(stats.norm.ppf(np.clip(share, SMALLEST_SHARE, 1 - SMALLEST_SHARE)) for share in (accepts, rejects))
