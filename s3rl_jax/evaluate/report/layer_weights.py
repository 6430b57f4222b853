"""A plot of the weights of the teacher's layers during distillation."""

from pathlib import Path
from typing import TYPE_CHECKING

from s3rl_jax.runs.workdir import read_log

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PREFIX = "layer_weight_"  # prefix of the metrics in metrics.jsonl
PLOT = "report/layer_weights.svg"


def plot_layer_weights(workdir: Path) -> Path | None:
    """Writes WORKDIR/report/layer_weights.svg and returns its path; None if the run logged no layer weights."""
    figure = layer_weights_plot(workdir)
    if figure is None:
        return None
    path = workdir / PLOT
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def layer_weights_plot(workdir: Path) -> "Figure | None":
    """Plots the weights over the steps of a run, and after the last step; None if the run logged no layer weights."""
    rows = [row for row in read_log(workdir) if any(name.startswith(PREFIX) for name in row)]
    if not rows:
        return None
    # Imported here because most runs log no layer weights, and the import takes half a second.
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    layers = sorted(int(name.removeprefix(PREFIX)) for name in rows[-1] if name.startswith(PREFIX))
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasSVG(figure)
    over_steps, at_end = figure.subplots(1, 2)
    for layer in layers:
        over_steps.plot([row["step"] for row in rows], [row[f"{PREFIX}{layer}"] for row in rows], label=str(layer))
    over_steps.set(xlabel="step", ylabel="weight", title="Weight of each teacher layer", ylim=(0, None))
    over_steps.legend(title="layer", fontsize="small")
    at_end.bar([str(layer) for layer in layers], [rows[-1][f"{PREFIX}{layer}"] for layer in layers])
    at_end.axhline(1 / len(layers), color="grey", linestyle=":", label="equal weights")
    at_end.set(xlabel="layer (0: the transformer's input)", title=f"After step {rows[-1]['step']}")
    at_end.legend(fontsize="small")
    return figure
