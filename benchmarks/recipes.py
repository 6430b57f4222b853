"""Compares recipes of distillation by the detectors that come of them: rows of objectives, kinds of examples, noise.

    python -m benchmarks.recipes --runs=runs/recipes --free=FREE --corpus=SHARED,MORE --spoken=SPOKEN,NEGATIVES \\
        --held=HELD --teacher=whisper-tiny.en --size=tiny
    python -m benchmarks.recipes_table runs/recipes/results

FREE is what students are distilled from. SHARED, the first of --corpus, holds the recordings of the keywords; SPOKEN holds
synthesised ones, and NEGATIVES no recording of a keyword (`join_manifests --without-labels`). HELD has a test split alone.
All students of a size are distilled at once, and all detectors of one kind of examples are fine-tuned and scored at once.
A stopped run continues with the same command.
"""

import argparse
import json
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.keywords import parse_keywords
from s3rl_jax.evaluate.conditions import open_conditions
from s3rl_jax.evaluate.curves import det_curve, equal_error_and_area, operating_point
from s3rl_jax.evaluate.scoring import stream_posteriors
from s3rl_jax.evaluate.trial import Trial, trial_of_stream
from s3rl_jax.runs.config_file import load_config
from s3rl_jax.runs.detector import open_detector
from s3rl_jax.runs.workdir import MEMBERS, saved_steps
from s3rl_jax.tasks.objectives.registry import OBJECTIVES
from s3rl_jax.train import run as training

KEYWORDS = "right,left,up,down,go,operator,think engine,onword,wildfire,voyager,alexa"
CONDITIONS = ("clean", "snr_10", "snr_5", "snr_0")
RATES = ("0.5", "1", "10")  # false accepts an hour
REGRESSION, VIEWS, CODES = "loss.layer_regression", "loss.dual_view", "loss.gamma"
ROWS = {  # changes of configs/distill.py, with all other objectives off
    "fr": {REGRESSION: 1.0},
    "dv": {VIEWS: 1.0},
    "cb": {CODES: 1.0},
    "dvcb": {VIEWS: 1.0, CODES: 1.0},
    "dvfr": {VIEWS: 1.0, REGRESSION: 1.0},
    "dv4": {VIEWS: 1.0, "teacher.layers": "4"},
    "dvfr12": {VIEWS: 1.0, REGRESSION: 1.0, "teacher.layers": "1-2"},
}
SEPARATE = {"dvcb2": {VIEWS: 1.0, CODES: 1.0}}  # with config.mask.separate_pass
EXAMPLES = {"all": 0, "20": 20, "5": 5, "synth": 0}  # recordings of each keyword; 0: all that there are
HOPS_A_CALL = 800


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares recipes of distillation.")
    for name in ("runs", "free", "corpus", "spoken", "held", "teacher"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--rows", default=",".join((*ROWS, *SEPARATE, "ssl", "none")))
    parser.add_argument("--examples", default=",".join(EXAMPLES))
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--steps", type=int, default=4000, help="of distillation")
    parser.add_argument("--detector-steps", type=int, default=1500)
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    students = train_students(arguments, arguments.rows.split(","), seeds)
    for examples in arguments.examples.split(","):
        train_detectors(arguments, students, examples)


def train_students(arguments: argparse.Namespace, rows: list[str], seeds: list[int]) -> dict[str, tuple[str, int]]:
    """Distils or pre-trains the students of all rows: `row,seed` -> workdir (empty: random) and seed."""
    students = {f"none,{seed}": ("", seed) for seed in seeds if "none" in rows}
    stages = {
        "distil": ("distill", ROWS, {}),
        "distil-separate": ("distill", SEPARATE, {"mask.separate_pass": True}),
        "pretrain": ("pretrain:student", {"ssl": {}}, {}),
    }
    for name, (file, changes, fields) in stages.items():
        chosen = {row: changes[row] for row in rows if row in changes}
        if not chosen:
            continue
        config = load_config(file)
        off = dict.fromkeys((f"loss.{objective}" for objective in OBJECTIVES), 0.0) if config.task == "distill" else {}
        config.update_from_flattened_dict(fields)
        config.data.corpus, config.student.size = arguments.free, arguments.size
        config.steps, config.batch_size, config.checkpoint_every = arguments.steps, 48, 500
        if config.task == "distill":
            config.teacher.source, config.teacher.layers, config.teacher.cache = arguments.teacher, "2-4", True
            config.teacher.cache_dir = f"{arguments.runs}/targets"
        members = {f"{row},{seed}": {**off, **chosen[row], "seed": seed} for row in chosen for seed in seeds}
        workdir = Path(arguments.runs, f"{name}-{arguments.size}")
        sweep(config, members, workdir)
        students |= {member: (str(workdir / MEMBERS / member), fields["seed"]) for member, fields in members.items()}
    return students


def train_detectors(arguments: argparse.Namespace, students: dict[str, tuple[str, int]], examples: str) -> None:
    """Fine-tunes all students with one kind of examples, scores the detectors, and writes the results."""
    name = f"{arguments.size}_{examples}"
    config = load_config("finetune")
    config.keyword, config.init, config.student.size = KEYWORDS, "", arguments.size
    config.data.corpus = arguments.spoken if examples == "synth" else arguments.corpus
    config.data.keyword_clips = EXAMPLES[examples]
    config.data.window_seconds = 1.5  # of all keywords alike, as the published table has it
    config.data.mixture.keyword, config.data.mixture.negative = 0.4, 0.5
    config.steps, config.checkpoint_every = arguments.detector_steps, 500
    workdir = Path(arguments.runs, "detectors", name)
    sweep(config, {member: {"init": init, "seed": seed} for member, (init, seed) in students.items()}, workdir)
    results = Path(arguments.runs, "results", name)
    if not results.with_suffix(".json").is_file():
        write_results(results, [workdir / MEMBERS / member for member in students], arguments.held)


def sweep(config: ConfigDict, members: dict[str, dict], workdir: Path) -> None:
    """Trains the members at once, unless all of them have ended."""
    config.preflight, config.log_every = False, 200
    with config.unlocked():
        config.sweep = {"row": members}
    if not all(config.steps in saved_steps(workdir / MEMBERS / member) for member in members):
        training.run(config, workdir)


def write_results(path: Path, workdirs: list[Path], held: str) -> None:
    """Scores detectors of one model on the held-out stream in all conditions: PATH.npz, PATH.json."""
    clips, rows, arrays = read_corpus(held, "test"), [], {}
    detectors = [open_detector(str(workdir), "--runs") for workdir in workdirs]
    model = detectors[0].model
    posteriors_of = stream_posteriors(model, HOPS_A_CALL)  # one compilation for all
    streams, _ = open_conditions(clips, parse_keywords(KEYWORDS), CONDITIONS)
    for condition, make_stream in streams.items():
        stream = make_stream()
        arrays["speakers"] = np.array([word.speaker for word in stream.words])
        arrays["labels"] = np.array([word.label for word in stream.words])
        for detector in detectors:
            trial = trial_of_stream(
                stream, posteriors_of(jax.device_put(detector.params), stream.audio), model.hop, model.firing
            )
            name = Path(detector.workdir).name
            key = f"{name}|{condition}"
            rows.append({"member": name, "condition": condition, **figures(trial)})
            arrays[f"{key}|peaks"] = trial.peaks.astype(np.float16)
            arrays[f"{key}|stretches"] = trial.stretch_peaks(trial.zone_hops).astype(np.float16)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    path.with_suffix(".json").write_text(json.dumps({"name": path.name, "rows": rows}))


def figures(trial: Trial) -> dict:
    """Equal error rate, area, and misses at each rate of false accepts."""
    eer, area = equal_error_and_area(trial, trial.zone_hops)
    curve = det_curve(trial)
    misses = {rate: operating_point(curve, float(rate)).frr for rate in RATES}
    return {"eer": eer, "auc": area, "hours": curve.hours, "words": curve.words, "frr": misses}


if __name__ == "__main__":
    main()
