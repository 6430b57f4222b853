"""The commands that are killed: what each writes, and what a reader of it sees at any moment."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from benchmarks.bits import command, parameters_digest
from benchmarks.toy import Toy
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.detect.detector import Detector
from s3rl_jax.evaluate.report.folder import FILES, read_metrics

Digests = dict[str, str]
LARGE_MINUTES = 20  # of the source that several processes prepare, and of the corpus that is mined
ABLATION = """
from configs import ablation


def get_config():
    config = ablation.get_config()
    config.rows = {name: config.rows[name] for name in ("no teacher", "dual view")}
    config.rows_of_other_size = ()
    config.student.size, config.other_size = "toy", ""
    config.seeds, config.conditions = (0,), ("clean", "snr_5")
    for stage in (config.pretrain, config.distill, config.finetune):
        stage.steps, stage.batch_size, stage.log_every, stage.checkpoint_every = 30, 8, 5, 5
    for stage in (config.pretrain, config.distill):
        stage.distractors, stage.data.crop_seconds, stage.data.shortest_seconds = 10, 0.8, 0.3
    config.pretrain.validation.every = 0
    config.finetune.data.window_seconds = 1.2
    return config
"""


class Job(NamedTuple):
    """A command that is killed.

    Attributes:
      command: module and arguments of a command that writes to `out`.
      place: writes what is there before the first command, such as an older report.
      digests: digests of a finished result, by name, that must be those of an undisturbed run.
      seen: digest of what a reader sees; empty if there is nothing whole.
    """

    command: Callable[[Path], tuple[str, ...]]
    digests: Callable[[Path], Digests]
    seen: Callable[[Path], str]
    place: Callable[[Path], None] = lambda folder: None


def jobs_of(toy: Toy, root: Path) -> dict[str, Job]:
    """The jobs by name. Writes their material into `root`, unless it is there."""
    source, corpus, older = (root / name for name in ("large", "large-corpus", "older"))
    _write_large_source(source)
    if not (root / "older" / "m.json").is_file():
        command("prepare", f"--source={source}", f"--out={corpus}")
        command("evaluate", f"--workdir={toy.detector}", f"--corpus={toy.corpus}", "--split=validation", f"--out={older}")
        command("export", f"--workdir={toy.detector}", f"--report={toy.report}", f"--out={older}/m.tflite", "--quantize=int8")
    (root / "ablation.py").write_text(ABLATION)
    detector = f"--workdir={toy.detector}"
    cached = ("--config.teacher.cache=True", f"--config.teacher.source={toy.teacher}", "--config.loss.frame_regression=1.0")
    small = ("--config.student.size=toy", "--config.batch_size=8", "--config.data.crop_seconds=0.8", "--config.distractors=10")
    steps = ("--config.steps=60", "--config.log_every=5", "--config.checkpoint_every=5", "--config.data.shortest_seconds=0.3")
    spoken = ("prepare", "--synthesize=alexa", "--minutes=2", "--engines=espeak", "--workers=2")
    return {
        "prepare, a folder": Job(
            lambda out: ("prepare", f"--source={source}", f"--out={out}", "--workers=2"), _files, _seen_corpus
        ),
        "prepare, synthesis": Job(lambda out: (*spoken, f"--out={out}"), _spoken, _seen_spoken),
        "mine": Job(
            lambda out: ("mine", detector, f"--corpus={corpus}", f"--out={out}", "--threshold=0.3", "--most=50"),
            _files,
            _seen_corpus,
        ),
        "distil, cached targets": Job(
            lambda out: (
                *("train", "--config=distill:paper", f"--workdir={out}", f"--config.data.corpus={toy.corpus}"),
                *(*cached, *small, *steps, "--config.preflight=False"),
            ),
            lambda out: {"parameters": parameters_digest(out), **_losses(out)},
            lambda out: "",  # that checkpoints are whole, the command itself says when it goes on
        ),
        "evaluate, over a report": Job(
            lambda out: ("evaluate", detector, f"--corpus={toy.corpus}", f"--out={out}"),
            lambda out: {name: _digest(out / name) for name in FILES if (out / name).exists()},
            _seen_report,
            lambda out: shutil.copytree(older, out),
        ),
        "export, over a model": Job(
            lambda out: ("export", detector, f"--report={toy.report}", f"--out={out}/m.tflite", "--streaming"),
            lambda out: {name: _digest(out / name) for name in ("m.tflite", "m.json")},
            _seen_model,
            lambda out: shutil.copytree(older, out),
        ),
        "ablate": Job(
            lambda out: (
                *("ablate", f"--config={root}/ablation.py", f"--workdir={out}"),
                *(f"--config.data.corpus={toy.corpus}", f"--config.teacher.source={toy.teacher}"),
            ),
            lambda out: {name: _digest(out / name) for name in ("ablation.json", "ablation.md")},
            lambda out: _digest(out / "ablation.json") if (out / "ablation.json").is_file() else "",
        ),
    }


def _write_large_source(folder: Path) -> None:
    if (folder / "manifest.csv").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    names = [f"{number:04}.wav" for number in range(LARGE_MINUTES * 6)]
    for name in names:
        soundfile.write(folder / name, 0.05 * rng.standard_normal(160_000), 16_000, subtype="PCM_16")
    rows = [(name, ("train", "train", "train", "test")[number % 4]) for number, name in enumerate(names)]
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "split"), *rows])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _files(out: Path) -> Digests:
    """All files but locks and what a kill leaves beside them."""
    paths = (path for path in out.rglob("*") if path.is_file() and path.suffix not in (".lock", ".tmp", ".unfinished"))
    return {path.relative_to(out).as_posix(): _digest(path) for path in paths if path.name != ".lock"}


def _seen_corpus(out: Path) -> str:
    """A digest of the recordings that `read_corpus` gives; empty if it refuses the corpus."""
    try:
        clips = read_corpus(str(out), "train")
    except UserError:
        return ""
    content = hashlib.sha256(json.dumps([clips.columns["id"].tolist(), clips.columns["samples"].tolist()]).encode())
    for row in (0, len(clips) - 1):
        content.update(clips.audio(row).tobytes())
    return content.hexdigest()[:16]


def _spoken(out: Path) -> Digests:
    """Texts, voices and splits: espeak-ng's samples differ a little from run to run."""
    columns = {split: read_corpus(str(out), split).columns for split in ("train", "validation", "test")}
    names = ("id", "label", "speaker", "kind", "lang")
    tables = {split: [columns[split][name].tolist() for name in names] for split in columns}
    left = sorted(path.name for path in out.iterdir() if path.name != ".lock")
    return {"texts": hashlib.sha256(json.dumps(tables).encode()).hexdigest()[:16], "files": str(left)}


def _seen_spoken(out: Path) -> str:
    try:
        return _spoken(out)["texts"]
    except UserError:
        return ""


def _losses(out: Path) -> Digests:
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return {"losses": hashlib.sha256(json.dumps([[row["step"], row["loss"]] for row in rows]).encode()).hexdigest()[:16]}


def _seen_report(out: Path) -> str:
    """A digest of the tables that belong to metrics.json, if it can be read; its split tells an older from a newer one."""
    metrics = read_metrics(out)
    if metrics is None:
        return ""
    try:
        return f"{metrics['split']} {_digest(out / 'scores.csv')} {_digest(out / 'words.csv')}"
    except FileNotFoundError:  # it was replaced meanwhile
        return ""


def _seen_model(out: Path) -> str:
    """The labels and the digest of a model that a device takes; empty if it refuses it."""
    try:
        Detector(str(out / "m.tflite"))
        fields = json.loads((out / "m.json").read_text())
    except (UserError, FileNotFoundError):
        return ""
    return f"{fields['quantisation']} {fields['sha256']}"
