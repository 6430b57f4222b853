"""Which of the teacher's layers a student learned from: the softmax weights over the run, and at its end."""

from pathlib import Path

from s3rl_jax.runs.workdir import logged

PREFIX = "layer_weight_"
FIGURE = "report/layer_weights.svg"


def plot_layer_weights(workdir: Path) -> Path | None:
    """Draws WORKDIR/report/layer_weights.svg out of metrics.jsonl; None if the run has no layer weights."""
    figure = layer_figure(workdir)
    if figure is None:
        return None
    path = workdir / FIGURE
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def layer_figure(workdir: Path):
    """The drawing, a matplotlib Figure; None if the run has no layer weights."""
    rows = [row for row in logged(workdir) if any(name.startswith(PREFIX) for name in row)]
    if not rows:
        return None
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    layers = sorted(int(name.removeprefix(PREFIX)) for name in rows[-1] if name.startswith(PREFIX))
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasSVG(figure)
    run, end = figure.subplots(1, 2)
    for layer in layers:
        run.plot([row["step"] for row in rows], [row[f"{PREFIX}{layer}"] for row in rows], label=str(layer))
    run.set(xlabel="step", ylabel="weight", title="Weight of each teacher layer", ylim=(0, None))
    run.legend(title="layer", fontsize="small")
    end.bar([str(layer) for layer in layers], [rows[-1][f"{PREFIX}{layer}"] for layer in layers])
    end.axhline(1 / len(layers), color="grey", linestyle=":", label="all alike")
    end.set(xlabel="layer (0: the transformer's input)", title=f"After step {rows[-1]['step']}")
    end.legend(fontsize="small")
    return figure
