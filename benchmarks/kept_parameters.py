"""What to keep of a fine-tuning: its last parameters, their moving average, or those that the validation split prefers.

    python -m benchmarks.kept_parameters --corpus=CORPUS --out=runs/kept [--seeds=0,1,2] [--config.FIELD=VALUE ...]

CORPUS has recordings of the keyword in its validation and test splits, by different people. Each seed is trained once, with a
moving average; all its checkpoints are kept. The two choices are those that `config.choice` would make, among the parameters
and among their averages. All four are then scored on the test split. Finished seeds are not repeated. Prints the misses and
their mean over the seeds; OUT/results.json has the figures.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from ml_collections import ConfigDict

from benchmarks.measuring import about
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.evaluate.conditions import open_conditions
from s3rl_jax.evaluate.curves import det_curve, operating_point
from s3rl_jax.evaluate.scoring import stream_posteriors
from s3rl_jax.evaluate.trial import trial_of_stream
from s3rl_jax.runs.choice import merit
from s3rl_jax.runs.detector import TrainedDetector, open_detector
from s3rl_jax.runs.restore import read_state
from s3rl_jax.runs.state import TrainState
from s3rl_jax.runs.workdir import CHECKPOINTS, saved_steps
from s3rl_jax.train.choice import choice_of

CONDITIONS = ("clean", "snr_10", "snr_5")
RATES = (0.5, 1.0, 10.0)  # false accepts an hour
LAST, CHOSEN, AVERAGE, CHOSEN_AVERAGE = "last step", "chosen", "average", "chosen average"
KEPT = LAST, CHOSEN, AVERAGE, CHOSEN_AVERAGE
EVERY = 300  # steps between two checkpoints
POLL_SECONDS = 2.0
Key = tuple[int, str]  # step, and field of its state


def main() -> None:
    parser = argparse.ArgumentParser(description="Misses of the last, the averaged and the chosen parameters.")
    parser.add_argument("--corpus", required=True, help="corpus with validation and test splits")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--average", type=float, default=0.998, help="decay of the moving average")
    parser.add_argument("--kept", default=",".join(KEPT), help="what to score on the test split, of " + ", ".join(KEPT))
    arguments, fields = parser.parse_known_args()
    kept = [name for name in KEPT if name in arguments.kept.split(",")]
    table = arguments.out / "results.json"
    for seed in arguments.seeds.split(","):
        workdir = arguments.out / seed
        settings = (f"--config.seed={seed}", f"--config.optimizer.average={arguments.average}", *fields)
        if not (workdir / "ended").is_file():
            train(workdir, settings)
        results = json.loads(table.read_text())["seeds"] if table.is_file() else {}
        if seed not in results:
            results[seed] = misses(workdir, arguments.corpus, kept)
            table.write_text(json.dumps({**about(), "fields": fields, "seeds": results}, indent=1))
    print(markdown(json.loads(table.read_text())["seeds"]))


def train(workdir: Path, settings: tuple[str, ...]) -> None:
    """Trains one seed, and links its checkpoints beside it before the run deletes them."""
    command = [sys.executable, "-m", "s3rl_jax.train", "--config=configs/finetune.py", f"--workdir={workdir}", *settings]
    command += [f"--config.checkpoint_every={EVERY}", "--config.preflight=False"]
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            link_checkpoints(workdir)
    link_checkpoints(workdir)
    if process.returncode:
        sys.exit(process.returncode)
    (workdir / "ended").touch()


def link_checkpoints(workdir: Path) -> None:
    for step in map(str, saved_steps(workdir)):
        copy = workdir / "kept" / step
        if not copy.exists():
            try:
                shutil.copytree(workdir / CHECKPOINTS / step, copy, copy_function=os.link)
            except (OSError, shutil.Error):  # deleted meanwhile
                shutil.rmtree(copy, ignore_errors=True)


def misses(workdir: Path, corpus: str, kept: list[str]) -> dict[str, dict]:
    """What is kept -> its step, and misses in each condition at each rate of false accepts."""
    detector = open_detector(str(workdir), "--out")
    states = dict(sorted(checkpoints(workdir / "kept")))
    step_of = {LAST: max(states), AVERAGE: max(states)}
    if {CHOSEN, CHOSEN_AVERAGE} & set(kept):
        step_of |= chosen_steps(detector.config, corpus, states)
    keys = {name: (step_of[name], "params" if name in (LAST, CHOSEN) else "average") for name in kept}
    measured = on_test(detector, corpus, {key: getattr(states[key[0]], key[1]) for key in keys.values()})
    return {name: {"step": key[0], "misses": measured[key]} for name, key in keys.items()}


def chosen_steps(config: ConfigDict, corpus: str, states: dict[int, TrainState]) -> dict[str, int]:
    settings = config.copy_and_resolve_references()
    settings.data.corpus, settings.choice.every = corpus, EVERY
    score = choice_of(settings, False)
    assert score is not None, f"{corpus}: no validation split with the keyword"
    merits = {(step, field): merit(score(getattr(states[step], field))) for step in states for field in ("params", "average")}
    best = {field: max(states, key=lambda step, field=field: (merits[step, field], step)) for field in ("params", "average")}
    return {CHOSEN: best["params"], CHOSEN_AVERAGE: best["average"]}


def checkpoints(folder: Path) -> list[tuple[int, TrainState]]:
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    with ocp.CheckpointManager(folder.absolute(), item_handlers=ocp.StandardCheckpointHandler()) as manager:
        return [(step, jax.device_get(read_state(manager, step, device)[0])) for step in manager.all_steps()]


def on_test(detector: TrainedDetector, corpus: str, candidates: dict[Key, Any]) -> dict[Key, dict]:
    """Misses of each candidate's parameters on the test split, in each condition."""
    model, clips = detector.model, read_corpus(corpus, "test")
    streams, _ = open_conditions(clips, detector.keywords, CONDITIONS)
    posteriors_of, figures = stream_posteriors(model), {key: {} for key in candidates}
    for condition, make_stream in streams.items():
        stream = make_stream()
        for key, params in candidates.items():
            posteriors = posteriors_of(jax.device_put(params), stream.audio)
            curve = det_curve(trial_of_stream(stream, posteriors, model.hop, model.firing))
            missed = {f"{rate:g}": round(operating_point(curve, rate).frr * curve.words) for rate in RATES}
            figures[key][condition] = {"words": curve.words, "hours": round(curve.hours, 2), "missed": missed}
    return figures


def markdown(seeds: dict[str, dict]) -> str:
    """Misses in % at each rate: in each condition the values of the seeds, and the mean over conditions and seeds."""
    lines = []
    for rate in (f"{rate:g}" for rate in RATES):
        lines += [f"| at {rate} an hour | {' | '.join(CONDITIONS)} | mean |", "| --- " * (2 + len(CONDITIONS)) + "|"]
        for name in next(iter(seeds.values())):
            cells = np.array([[share(result[name]["misses"][c], rate) for result in seeds.values()] for c in CONDITIONS])
            each = [", ".join(f"{value:.1f}" for value in row) for row in cells]
            lines.append(f"| {name} | {' | '.join(each)} | {cells.mean():.1f} |")
        lines.append("")
    return "\n".join(lines)


def share(cell: dict, rate: str) -> float:
    return 100 * cell["missed"][rate] / cell["words"]


if __name__ == "__main__":
    main()
