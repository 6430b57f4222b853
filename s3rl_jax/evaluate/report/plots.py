"""The report's drawings, as SVG text."""

import io

import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from scipy import stats

from s3rl_jax.detect.firing import REFRACTORY_SECONDS
from s3rl_jax.evaluate.curves import RATES, Curve

MOST_AN_HOUR = 3600 / REFRACTORY_SECONDS  # detections that a detector can make: what a share of false accepts is of
REJECT_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
ACCEPT_TICKS = (0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


def title_of(condition: str) -> str:
    """A condition's name for people."""
    snr, _, kind = condition.removeprefix("snr_").partition(":")
    return f"{snr} dB{f' {kind}' if kind else ''}" if condition.startswith("snr_") else condition


def det_figure(tables: dict) -> Figure:
    """Detection error trade-off on probit axes (Martin et al. 1997): normal scores would be straight lines.

    A share of false accepts is of the detections that can be made at all, one each time the detector is not deaf.
    Points where nothing is missed or nothing fires lie beyond all axes and are drawn at their edge.
    """
    figure, axes = _new(8, 5.5)
    for place, (name, table) in enumerate(tables.items()):
        colour = f"C{place % 10}"
        axes.plot(*_probit(table["curve"]), color=colour, label=title_of(name), drawstyle="steps-post")
        for number, curve in enumerate(table["baselines"].values(), start=1):
            axes.plot(*_probit(curve), color=colour, linestyle=(0, (4, 1 + number)), linewidth=1, drawstyle="steps-post")
    if any(table["baselines"] for table in tables.values()):
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


def reject_figure(conditions: dict) -> Figure:
    """False rejects of each condition at each rate that the hours can show, with 95 % intervals."""
    figure, axes = _new(8, 3.8)
    names = list(conditions)
    shown = [rate for rate in RATES if rate not in conditions[names[0]]["too_few_hours_for"]] or [RATES[-1]]
    for place, rate in enumerate(shown):
        middle = [100 * conditions[name]["frr_at_fa_per_hour"][rate] for name in names]
        ends = np.array([conditions[name]["frr_interval_95"][rate] for name in names]).T * 100
        errors = np.abs(ends - middle)
        offset = np.arange(len(names)) + 0.12 * (place - (len(shown) - 1) / 2)
        axes.errorbar(offset, middle, errors, marker="o", capsize=3, linestyle="", label=f"at {rate} FA/h")
    axes.set_xticks(range(len(names)), [title_of(name) for name in names])
    axes.tick_params(axis="x", labelrotation=30 if len(names) > 8 else 0)
    axes.set(ylabel="false rejects, %", ylim=(-2, 102), title="False rejects by condition")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def training_figure(rows: list[dict]) -> Figure | None:
    """Loss and accuracies over the steps of a run; None of a run without logged steps."""
    if not rows:
        return None
    figure, axes = _new(8, 3.2)
    steps = [row["step"] for row in rows]
    axes.plot(steps, [row["loss"] for row in rows], color="C3", label="loss")
    axes.set(xlabel="step", ylabel="loss", title="Training")
    rates = axes.twinx()
    for name in sorted(name for name in rows[-1] if name.endswith("accuracy")):
        rates.plot(steps, [row.get(name, np.nan) for row in rows], label=name.replace("_", " "))
    rates.set(ylabel="accuracy", ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    lines = [*axes.get_lines(), *rates.get_lines()]
    axes.legend(lines, [line.get_label() for line in lines], fontsize="small")
    return figure


def confusion_figure(classes: list[str], matrix: list[list[int]]) -> Figure:
    """A confusion matrix, each row as shares of what was said."""
    size = max(4.0, 0.32 * len(classes) + 1.5)
    figure, axes = _new(size, size)
    counts = np.array(matrix, float)
    axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=90)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="heard as", ylabel="said")
    for (said, heard), count in np.ndenumerate(counts):
        if count and len(classes) <= 15:
            axes.text(heard, said, f"{count:.0f}", ha="center", va="center", fontsize=7)
    return figure


def svg(figure: Figure) -> str:
    """The drawing, to be put into a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight")
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _new(width: float, height: float):
    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    return figure, figure.subplots()


def _probit(curve: Curve):
    least = 1e-6
    accepts = np.clip(curve.false_accepts / curve.hours / MOST_AN_HOUR, least, 1 - least)
    return stats.norm.ppf(accepts), stats.norm.ppf(np.clip(curve.false_rejects / curve.words, least, 1 - least))
