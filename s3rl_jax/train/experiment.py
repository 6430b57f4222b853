"""One run of a configuration: corpus, task, loop. What `python -m s3rl_jax.train` does."""

import functools
from pathlib import Path

import jax
from ml_collections import ConfigDict

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.batches.augmentation_banks import noise_bank, response_bank
from s3rl_jax.batches.crops import Crops
from s3rl_jax.batches.read_ahead import read_ahead
from s3rl_jax.batches.resident import Resident
from s3rl_jax.batches.windows import Windows
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import Clips, corpus_paths, has_speech, read_corpus
from s3rl_jax.corpus.fake import fake_clips, is_fake
from s3rl_jax.corpus.keywords import parse_keywords
from s3rl_jax.engine import loop
from s3rl_jax.engine.dry_run import rehearse
from s3rl_jax.engine.mesh import host_rows
from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.engine.sweep_members import Member, data_seed, members_of
from s3rl_jax.evaluate.report.layer_weights import plot_layer_weights
from s3rl_jax.export.preflight import preflight
from s3rl_jax.models.detector import KeywordModel, keyword_model
from s3rl_jax.models.student.registry import STATISTICS
from s3rl_jax.runs.checkpoint import read_params
from s3rl_jax.runs.workdir import CHECKPOINTS, claim, read_config
from s3rl_jax.tasks import distill as distilling
from s3rl_jax.tasks import finetune as finetuning
from s3rl_jax.tasks import pretrain as pretraining
from s3rl_jax.tasks.task import Task
from s3rl_jax.teachers.cached_targets import CachedCrops, cached_targets
from s3rl_jax.teachers.kmeans import load_or_fit_codebook
from s3rl_jax.teachers.load import load_teacher
from s3rl_jax.teachers.untrained import untrained_codebook, untrained_teacher
from s3rl_jax.train.runlocal import shrunk

NOISE_PIECES = 4000  # at most: 2 s each, 256 MB on the device
RESPONSE_SECONDS = 0.5
CODEBOOKS = "codebooks"  # in the corpus's folder
TARGETS = "teacher_targets"  # in the workdir
# What members of a sweep may differ in: what is no constant of the compiled step.
MAY_DIFFER = {
    "pretrain": ("loss.", "seed"),
    "distill": ("loss.", "teacher.layers", "seed"),
    "finetune": ("loss.", "init", "seed"),
}


def run(
    config: ConfigDict, workdir: Path, allow_changed_config: bool = False, dry_run: bool = False, profile: bool = False
) -> None:
    """Trains what `config.task` says, to the end, resuming if the workdir has a checkpoint.

    Args:
      config: of configs/, or of the same fields.
      workdir: where the run is, or is to be.
      allow_changed_config: whether to go on although configuration or code differ from what the run was begun with.
      dry_run: compile and time it only, and write nothing.
      profile: write a trace of a few steps.

    Raises:
      UserError: for a field, a corpus or a workdir that cannot be used.
    """
    tasks = {"pretrain": _pretrain, "distill": _distill, "finetune": _finetune}
    if config.get("task") not in tasks:
        raise UserError(f"config.task={config.get('task')!r}: expected one of {', '.join(tasks)}")
    for field in ("steps", "log_every", "checkpoint_every", "batch_size"):
        if config[field] < 1:
            raise UserError(f"config.{field}={config[field]}: expected at least 1")
    if config.get("runlocal"):
        config = shrunk(config)
    rows = host_rows(config.batch_size)
    members = members_of(config, MAY_DIFFER[config.task])
    for each in (config, *(member.config for member in members)):
        if each.seed < 0:
            raise UserError(f"config.seed={each.seed}: expected 0 or more")
    if config.task == "finetune":
        _adopt_students(config, members)
    clips = _clips(config, "train")
    if not dry_run:
        claim(workdir, config, allow_changed_config, jax.process_index())
    task, source, sweep = tasks[config.task](config, clips, workdir, members, allow_changed_config, dry_run)
    name = f"{config.task} {'dry run' if dry_run else workdir}" + (f" ({len(members)} members)" if members else "")
    heard = {"audio_seconds": config.batch_size * source.samples / SAMPLE_RATE}
    if dry_run:
        run_loop = functools.partial(rehearse, task, config=config, name=name, sweep=sweep, **heard)
    else:
        if sweep:
            sweep.claim(workdir, allow_changed_config)
        heard |= {"held_out": _held_out(config, rows), "profile": profile}
        run_loop = functools.partial(loop.train, task, config=config, workdir=workdir, name=name, sweep=sweep, **heard)
    if clips.columns["samples"].sum() * 2 <= config.data.memory_gib * 2**30:
        resident = Resident.of(clips, source.samples)
        plans = functools.partial(read_ahead, lambda step: resident.locate(source.plan(step, rows)))
        run_loop(plans, held=resident.audio, expand=resident.cut)
    else:
        run_loop(functools.partial(read_ahead, functools.partial(source.batch, rows=rows)))
    if config.task == "distill" and not dry_run and jax.process_index() == 0:
        drawn = [plot_layer_weights(folder) for folder in (sweep.folders(workdir) if sweep else [workdir])]
        if figures := [str(figure) for figure in drawn if figure]:
            LOGGER.info(f"weights of the teacher's layers: {figures[0]}{' and so on' if figures[1:] else ''}")


def _clips(config, split: str) -> Clips:
    if is_fake(config.data.corpus):
        return fake_clips(config.data.corpus, parse_keywords(config.get("keyword", "word")))
    return read_corpus(config.data.corpus, split, "config.data.corpus")


def _held_out(config, rows: range):
    """Batches of the validation split, if they are asked for and there is one."""
    settings, corpus = config.get("validation"), config.data.corpus
    if not settings or not settings.every or is_fake(corpus) or not has_speech(corpus, "validation"):
        return None
    return functools.partial(read_ahead, functools.partial(_crops(config, _clips(config, "validation")).batch, rows=rows))


def _check_export(config, model: KeywordModel, workdir: Path) -> None:
    """Before the first step of a run."""
    if config.get("preflight") and jax.process_index() == 0 and not (workdir / CHECKPOINTS).is_dir():
        preflight(model, config.export)


def _pretrain(
    config, clips: Clips, workdir: Path, members: tuple[Member, ...], allow: bool, dry_run: bool
) -> tuple[Task, Crops, Sweep | None]:
    weights = tuple(pretraining.weights_of(member.config) for member in members)
    return pretraining.pretrain(config), _crops(config, clips), Sweep(members, weights) if members else None


def _distill(
    config, clips: Clips, workdir: Path, members: tuple[Member, ...], allow: bool, dry_run: bool
) -> tuple[Task, Crops | CachedCrops, Sweep | None]:
    # What will be exported is a detector of this student, of the window and hop of configs/finetune.py.
    settings = {"window_seconds": 1.5, "hop_seconds": 0.16, "lead_seconds": 1.0}
    detector = keyword_model(ConfigDict({"data": settings, "student": config.student.to_dict()}), 2)
    if not dry_run:
        _check_export(config, detector, workdir)
    if dry_run and not config.teacher.source:
        run(_pretraining(config), workdir / "teacher", dry_run=True)
        teacher = untrained_teacher(config.teacher.size, config.teacher.dtype)
    else:
        teacher = load_teacher(config.teacher.source or own_teacher(config, workdir, allow), config.teacher.dtype)
    if members:
        config = distilling.together([member.config for member in members])
    crops, wanted = _crops(config, clips), distilling.wanted_of(config, teacher.config.layers)
    weights = tuple(distilling.weights_of(member.config, wanted.layers) for member in members)
    if wanted.codes and dry_run:
        teacher = teacher._replace(codebook=untrained_codebook(teacher, config.codebook))
    elif wanted.codes:
        beside = workdir if is_fake(config.data.corpus) else corpus_paths(config.data.corpus)[0]
        teacher = teacher._replace(codebook=load_or_fit_codebook(teacher, crops, config.codebook, beside / CODEBOOKS))
    if config.teacher.cache and dry_run:
        raise UserError("--dry_run: cannot tell what distilling from config.teacher.cache costs before the teacher was heard")
    if config.teacher.cache:
        folder = Path(config.teacher.cache_dir or workdir / TARGETS)
        source = cached_targets(teacher, wanted, crops, folder)
    else:
        source = crops
    task = distilling.distill(config, teacher, *_acoustics(clips, config.data.crop_seconds))
    silent = tuple(distilling.silent(member.config) for member in members)
    return task, source, Sweep(members, weights, silent=silent) if members else None


def own_teacher(config, workdir: Path, allow_changed_config: bool = False) -> Path:
    """Pre-trains `config.teacher.pretraining` in WORKDIR/teacher, or finds it there."""
    folder = workdir / "teacher"
    LOGGER.info(f"config.teacher.source is empty: pre-training a {config.teacher.size} teacher in {folder}")
    run(_pretraining(config), folder, allow_changed_config)
    return folder


def _pretraining(config) -> ConfigDict:
    recipe = {
        "task": "pretrain",
        "model": "teacher",
        "teacher": {"size": config.teacher.size},
        "data": {**config.data.to_dict(), "fixed_crops": False},
        "mesh": {**config.get("mesh", {}), "sweep": 0},
    }
    return ConfigDict({**config.teacher.pretraining.to_dict(), **recipe})


def _finetune(
    config, clips: Clips, workdir: Path, members: tuple[Member, ...], allow: bool, dry_run: bool
) -> tuple[Task, Windows, Sweep | None]:
    keywords = parse_keywords(config.keyword)
    model = keyword_model(config, len(keywords) + 1)
    lead = model.clip - model.window
    source = Windows.of(clips, keywords, model.clip, config.batch_size, data_seed(config), config.data, lead)
    if not dry_run:
        _check_export(config, model, workdir)
    sweep, initial = None, _beginning(config.init)
    if members:
        starts = tuple(_beginning(member.config.init) for member in members)
        sweep = Sweep(members, tuple(finetuning.weights_of(member.config) for member in members), starts)
    return finetuning.finetune(config, model, initial, *_acoustics(clips, model.clip / SAMPLE_RATE)), source, sweep


def _beginning(init: str) -> dict | None:
    """What a detector begins with: the student of a distillation or pre-training, or a detector."""
    if not init:
        return None
    trained = read_params(init, "config.init")
    return {name: trained[name] for name in ("student", STATISTICS, "head") if name in trained}


def _adopt_students(config, members: tuple[Member, ...]) -> None:
    for each in [member.config for member in members] or [config]:
        _adopt_student(each)
    for member in members:
        if member.config.student != members[0].config.student:
            raise UserError(f"config.sweep: {member.name} has another student than {members[0].name}; expected the same one")
        config.student.update(member.config.student)


def _adopt_student(config) -> None:
    """The student is that of `config.init`, where there is one: its size, and how it is streaming."""
    size = config.student.size
    if config.init:
        made_by = read_config(config.init, "config.init")
        if made_by.task not in ("distill", "pretrain", "finetune") or made_by.get("model") == "teacher":
            raise UserError(f"config.init={config.init}: holds no student")
        if made_by.task == "finetune" and parse_keywords(made_by.keyword) != parse_keywords(config.keyword):
            raise UserError(f"config.keyword={config.keyword}: config.init={config.init} detects {made_by.keyword}")
        if size and size != made_by.student.size:
            raise UserError(f"config.student.size={size}: config.init={config.init} has a {made_by.student.size} student")
        size = made_by.student.size
        config.student.streaming = made_by.student.get("streaming", False)
        config.student.block = made_by.student.get("block", config.student.block)
    config.student.size = size or "tiny"


def _crops(config, clips: Clips) -> Crops:
    samples = _samples(config.data.crop_seconds, "crop_seconds")
    shortest = min(_samples(config.data.shortest_seconds, "shortest_seconds"), samples)
    fixed = config.data.fixed_crops or (config.task == "distill" and config.teacher.cache)
    return Crops.of(clips, samples, config.batch_size, data_seed(config), shortest, config.data.mixture, fixed)


def _acoustics(clips: Clips, seconds: float):
    samples, taps = int(seconds * SAMPLE_RATE), int(RESPONSE_SECONDS * SAMPLE_RATE)
    noises = noise_bank(clips, samples, NOISE_PIECES)
    if not len(noises):
        LOGGER.info("the corpus has no noise: the student is trained on speech without noise")
    return noises, response_bank(clips, taps)


def _samples(seconds: float, field: str) -> int:
    if not 0.1 <= seconds <= 60:
        raise UserError(f"config.data.{field}={seconds}: expected seconds, 0.1 to 60")
    return int(seconds * SAMPLE_RATE)
