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
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from ml_collections import ConfigDict

from s3rl_jax.audio.logmel import to_float
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.keywords import parse_keywords
from s3rl_jax.evaluate.conditions import open_conditions
from s3rl_jax.evaluate.curves import equal_error_and_area
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.evaluate.trial import Trial, trial_of_stream
from s3rl_jax.runs.config_file import load_config
from s3rl_jax.runs.detector import open_detector
from s3rl_jax.runs.workdir import MEMBERS, saved_steps
from s3rl_jax.tasks.objectives.registry import OBJECTIVES
from s3rl_jax.train import run as training

KEYWORDS = "right,left,up,down,go,operator,think engine,onword,wildfire,voyager,alexa"
CONDITIONS = ("clean", "snr_10", "snr_5", "snr_0")
RATES = ("0.5", "1", "2", "10")  # false accepts an hour
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
    streams, _ = open_conditions(clips, parse_keywords(KEYWORDS), CONDITIONS)
    for condition, make_stream in streams.items():
        stream = make_stream()
        arrays["speakers"] = np.array([word.speaker for word in stream.words])
        arrays["labels"] = np.array([word.label for word in stream.words])
        for workdir, trial in zip(workdirs, trials(workdirs, stream), strict=True):
            key = f"{workdir.name}|{condition}"
            rows.append({"member": workdir.name, "condition": condition, **figures(trial)})
            arrays[f"{key}|peaks"] = trial.peaks.astype(np.float16)
            arrays[f"{key}|stretches"] = highest_scores(trial).astype(np.float16)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    path.with_suffix(".json").write_text(json.dumps({"name": path.name, "rows": rows}))


def trials(workdirs: list[Path], stream: Stream) -> Iterator[Trial]:
    """Scores a stream by all detectors at once: their parameters side by side."""
    detectors = [open_detector(str(workdir), "--runs") for workdir in workdirs]
    model = detectors[0].model
    params = jax.device_put(jax.tree.map(lambda *leaves: np.stack(leaves), *[detector.params for detector in detectors]))

    def step(params, audio, state):
        logits, state = model.step(params, to_float(audio), state)
        return jax.nn.softmax(logits[0]), state

    step_all = jax.jit(jax.vmap(step, (0, None, 0)))
    state = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(detectors), *x.shape)), model.initial_state(1))
    hops = len(stream.audio) // model.hop
    padded = np.zeros(-(-hops // HOPS_A_CALL) * HOPS_A_CALL * model.hop, np.int16)
    padded[: hops * model.hop] = stream.audio[: hops * model.hop]
    parts = []
    for audio in padded.reshape(-1, 1, HOPS_A_CALL * model.hop):
        posteriors, state = step_all(params, audio, state)
        parts.append(np.asarray(posteriors))
    for posteriors in np.concatenate(parts, axis=1)[:, :hops]:
        yield trial_of_stream(stream, posteriors, model.hop)


def figures(trial: Trial) -> dict:
    """Equal error rate, area, and misses at each rate of false accepts, by bisection over the thresholds."""
    eer, area = equal_error_and_area(trial, zone_hops(trial))
    thresholds = np.unique(np.nextafter(np.sort(np.where(trial.outside, trial.scores, 0.0))[-20_000:], 2.0))
    misses = {}
    for rate in RATES:
        allowed = float(rate) * trial.negative_hours
        low, high = 0, len(thresholds) - 1
        while low < high:
            middle = (low + high) // 2
            if len(trial.false_accepts(thresholds[middle])) > allowed:
                low = middle + 1
            else:
                high = middle
        misses[rate] = float((trial.peaks < thresholds[low]).mean())
    return {"eer": eer, "auc": area, "hours": trial.negative_hours, "words": len(trial.peaks), "frr": misses}


def highest_scores(trial: Trial) -> Float[np.ndarray, "stretches"]:
    """The highest score of each stretch outside the words that is as long as a word's zone."""
    negative, hops = trial.scores[trial.outside], zone_hops(trial)
    return negative[: len(negative) // hops * hops].reshape(-1, hops).max(axis=1)


def zone_hops(trial: Trial) -> int:
    """Mean length of a word's zone."""
    return round(float(np.diff(trial.zones, axis=1).mean()))


if __name__ == "__main__":
    main()
