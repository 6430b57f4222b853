"""Growth of the cost of a step: over host devices and processes, with the batch size and with the length of a clip.

    python -m benchmarks.scaling --out=benchmarks/results [--config=configs/distill.py] [--devices=1,2,4,8] [--processes=1,2]
        [--batches=8,16,32,64] [--seconds=1,2,4,8]

Each figure is from `python -m s3rl_jax.train --dry_run` with fake data: memory as XLA plans it, the rate over five steps. In
weak scaling each device (or process) has the same share of the batch, so the ideal rate is proportional to their number. Host
devices share the cores of one machine, so the figures show the cost of the division alone. Writes scaling.json, and growth.svg
with the exponents: time and memory ~ x^exponent, fitted over all points.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.measuring import about

ROOT = Path(__file__).parent.parent


def dry_run(config: str, devices: int = 1, processes: int = 1, **fields) -> dict:
    """Figures of the last dry run of the command; for distillation, those of the student's training."""
    flags = [f"--config={config}", "--dry_run", "--config.data.corpus=fake:0.5"]
    flags += [f"--config.{name}={value}" for name, value in fields.items()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DEVICES": str(devices), "XLA_FLAGS": ""}
    command = [str(ROOT / "launch/local_multihost.sh"), str(processes), *flags]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def exponent(x: list[float], y: list[float]) -> float:
    return round(float(np.polyfit(np.log(x), np.log(y), 1)[0]), 2)


def numbers(kind):
    return lambda text: [kind(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", default="configs/distill.py:paper")
    parser.add_argument("--share", type=int, default=8, help="rows of the batch on each device in weak scaling")
    parser.add_argument("--devices", type=numbers(int), default=[1, 2, 4, 8])
    parser.add_argument("--processes", type=numbers(int), default=[1, 2])
    parser.add_argument("--batches", type=numbers(int), default=[8, 16, 32, 64])
    parser.add_argument("--seconds", type=numbers(float), default=[1.0, 2.0, 4.0, 8.0])
    args = parser.parse_args()
    figures = about() | {"config": args.config, "weak_scaling": [], "growth": {}}
    for processes, devices in [(1, n) for n in args.devices] + [(n, 1) for n in args.processes if n > 1]:
        run = dry_run(args.config, devices, processes, batch_size=args.share * devices * processes)
        names = ("audio_seconds_per_second", "steps_per_second", "temporary_bytes")
        figures["weak_scaling"].append({"processes": processes, "devices": devices, **{name: run[name] for name in names}})
    grown = {"batch size": ("batch_size", args.batches), "clip length, s": ("data.crop_seconds", args.seconds)}
    for what, (field, values) in grown.items():
        runs = [dry_run(args.config, **{"batch_size": 16, field: value}) for value in values]
        seconds, memory = [1 / run["steps_per_second"] for run in runs], [run["temporary_bytes"] for run in runs]
        figures["growth"][what] = {
            "values": values,
            "seconds_a_step": [round(s, 4) for s in seconds],
            "activation_bytes": memory,
            "exponent_of_time": exponent(values, seconds),
            "exponent_of_memory": exponent(values, memory),
        }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "scaling.json").write_text(json.dumps(figures, indent=2) + "\n")
    draw(figures["growth"], args.out / "growth.svg")
    print(json.dumps(figures, indent=2))


def draw(growth: dict, path: Path) -> None:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure((9, 3.6), layout="constrained")
    FigureCanvasSVG(figure)
    for axes, (what, of) in zip(figure.subplots(1, 2), growth.items(), strict=True):
        series = {"time, ms a step": (np.array(of["seconds_a_step"]) * 1e3, of["exponent_of_time"])}
        series["activations, MiB"] = (np.array(of["activation_bytes"]) / 2**20, of["exponent_of_memory"])
        for name, (values, power) in series.items():
            axes.loglog(of["values"], values, "o-", label=f"{name}: x^{power:g}")
        axes.set_xlabel(what)
        axes.legend()
        axes.grid(True, which="both", alpha=0.3)
    figure.savefig(path)


if __name__ == "__main__":
    main()
