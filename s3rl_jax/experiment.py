"""One run of a configuration: corpus, task, loop. What `python -m s3rl_jax.train` does."""

import functools
import sys
from pathlib import Path

from ml_collections import ConfigDict

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.data.acoustics import noise_bank, response_bank
from s3rl_jax.data.corpus import Clips
from s3rl_jax.data.crops import Crops
from s3rl_jax.data.pipeline import batches, open_corpus
from s3rl_jax.data.windows import Windows, parse_keywords
from s3rl_jax.errors import UserError
from s3rl_jax.tasks.distill import distill
from s3rl_jax.tasks.finetune import finetune
from s3rl_jax.tasks.pretrain import pretrain, pretraining_model
from s3rl_jax.tasks.task import Task
from s3rl_jax.training import loop
from s3rl_jax.training.checkpoint import read_params
from s3rl_jax.training.mesh import data_mesh, host_rows
from s3rl_jax.workdir import claim, read_config

NOISE_PIECES = 4000  # at most: 2 s each, 256 MB on the device
RESPONSE_SECONDS = 0.5


def run(config: ConfigDict, workdir: Path, allow_changed_config: bool = False) -> None:
    """Trains what `config.task` says, to the end, resuming if the workdir has a checkpoint.

    Raises:
      UserError: for a field, a corpus or a workdir that cannot be used.
    """
    tasks = {"pretrain": _pretrain, "distill": _distill, "finetune": _finetune}
    if config.get("task") not in tasks:
        raise UserError(f"config.task={config.get('task')!r}: expected one of {', '.join(tasks)}")
    for field in ("steps", "log_every", "checkpoint_every", "batch_size"):
        if config[field] < 1:
            raise UserError(f"config.{field}={config[field]}: expected at least 1")
    if config.seed < 0:
        raise UserError(f"config.seed={config.seed}: expected 0 or more")
    rows = host_rows(config.batch_size, data_mesh())
    if config.task == "finetune":
        _adopt_student(config)
    clips, from_memory = open_corpus(config.data.corpus, "train", config.data.memory_gib)
    claim(workdir, config, allow_changed_config)
    task, source = tasks[config.task](config, clips, workdir)

    def make_batches(first, last):
        return batches(functools.partial(source.batch, rows=rows), first, last, from_memory)

    loop.train(task, make_batches, config, workdir, f"{config.task} {workdir}")


def _pretrain(config, clips: Clips, workdir: Path) -> tuple[Task, Crops]:
    return pretrain(config), _crops(config, clips)


def _distill(config, clips: Clips, workdir: Path) -> tuple[Task, Crops]:
    source = config.teacher.source
    if not source:
        source = workdir / "teacher"
        print(f"config.teacher.source is empty: pre-training a {config.teacher.size} teacher in {source}", file=sys.stderr)
        recipe = {
            "task": "pretrain",
            "model": "teacher",
            "teacher": {"size": config.teacher.size},
            "data": config.data.to_dict(),
        }
        teacher = ConfigDict({**config.teacher.pretraining.to_dict(), **recipe})
        run(teacher, source, allow_changed_config=False)
    made_by = read_config(source, "config.teacher.source", "pretrain")
    if made_by.model != "teacher":
        raise UserError(f"config.teacher.source={source}: pre-trained as a student; expected config.model=teacher")
    model, _ = pretraining_model(made_by)
    params = read_params(source, "config.teacher.source")
    return distill(config, model.config, params, *_acoustics(clips, config.data.crop_seconds)), _crops(config, clips)


def _finetune(config, clips: Clips, workdir: Path) -> tuple[Task, Windows]:
    keywords = parse_keywords(config.keyword)
    samples = _samples(config.data.window_seconds, "window_seconds")
    source = Windows.of(clips, keywords, samples, config.batch_size, config.seed, config.data)
    student = read_params(config.init, "config.init")["student"] if config.init else None
    acoustics = _acoustics(clips, config.data.window_seconds)
    return finetune(config, len(keywords) + 1, student, *acoustics), source


def _adopt_student(config) -> None:
    """The student's size is that of `config.init`, where there is one."""
    size = config.student.size
    if config.init:
        made_by = read_config(config.init, "config.init")
        if made_by.task not in ("distill", "pretrain") or made_by.get("model") == "teacher":
            raise UserError(f"config.init={config.init}: holds no distilled or pre-trained student")
        if size and size != made_by.student.size:
            raise UserError(f"config.student.size={size}: config.init={config.init} has a {made_by.student.size} student")
        size = made_by.student.size
    config.student.size = size or "tiny"


def _crops(config, clips: Clips) -> Crops:
    samples = _samples(config.data.crop_seconds, "crop_seconds")
    shortest = min(_samples(config.data.shortest_seconds, "shortest_seconds"), samples)
    return Crops.of(clips, samples, config.batch_size, config.seed, shortest)


def _acoustics(clips: Clips, seconds: float):
    samples, taps = int(seconds * SAMPLE_RATE), int(RESPONSE_SECONDS * SAMPLE_RATE)
    noises = noise_bank(clips, samples, NOISE_PIECES)
    if not len(noises):
        print("the corpus has no noise: the student is trained on speech without noise", file=sys.stderr)
    return noises, response_bank(clips, taps)


def _samples(seconds: float, field: str) -> int:
    if not 0.1 <= seconds <= 60:
        raise UserError(f"config.data.{field}={seconds}: expected seconds, 0.1 to 60")
    return int(seconds * SAMPLE_RATE)
