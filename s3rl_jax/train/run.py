"""Runs a configuration, from reading its corpus to the last step: the work of `python -m s3rl_jax.train`.

`run` and `dry_run` come first, then a function for each task, which connects its model, data and objectives.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.batches.hard_windows import HardWindows
from s3rl_jax.batches.windows import Windows
from s3rl_jax.core.errors import UserError, lookup
from s3rl_jax.core.lock import locked
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.fake import is_fake
from s3rl_jax.corpus.keywords import parse_keywords
from s3rl_jax.corpus.starter import with_starter
from s3rl_jax.engine import loop
from s3rl_jax.engine.dry_run import rehearse
from s3rl_jax.engine.job import Job, Phases, Unit
from s3rl_jax.engine.mesh import host_rows
from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.engine.sweep_members import Member, data_seed, members_of
from s3rl_jax.evaluate.report.layer_weights import plot_layer_weights
from s3rl_jax.models.detector import KeywordModel, keyword_model
from s3rl_jax.runs.choice import chooses
from s3rl_jax.runs.workdir import claim
from s3rl_jax.tasks import distill, finetune, pretrain
from s3rl_jax.tasks.head import train_head
from s3rl_jax.tasks.task import Task
from s3rl_jax.teachers.output_windows import OutputWindows
from s3rl_jax.train.fields import check_fields
from s3rl_jax.train.inputs import Source, acoustics, clips_of, crops_of, inputs_of, validation_of
from s3rl_jax.train.prerequisites import DryPrerequisites, Prerequisites
from s3rl_jax.train.runlocal import shrunk
from s3rl_jax.train.start import adopt_students, start_of
from s3rl_jax.train.window import fit_window

# Fields in which the members of a sweep may differ, because they are no constants of the compiled step.
MAY_DIFFER = {
    "pretrain": ("loss.", "seed"),
    "distill": ("loss.", "teacher.layers", "seed"),
    "finetune": ("loss.", "init", "seed"),
}


def run(config: ConfigDict, workdir: Path, allow_changed_config: bool = False, profile: bool = False) -> None:
    """Trains a configuration up to its last step, from the newest checkpoint in the workdir if there is one.

    Args:
      config: a configuration with the fields of one in configs/.
      workdir: workdir of the run.
      allow_changed_config: whether to continue a run that was begun with another configuration or other code.
      profile: whether to write a trace of a few steps.

    Raises:
      UserError: for a field, a corpus or a workdir that cannot be used.
      Exception: as `s3rl_jax.engine.loop.train`.
    """
    config, members = checked(config)
    clips = clips_of(config, "train")
    fit_window(config, members, clips, workdir)
    choice = _choice(config, bool(members))
    with locked(workdir, "--workdir") if jax.process_index() == 0 else contextlib.nullcontext():
        claim(workdir, config, allow_changed_config, jax.process_index())
        wired = WIRING[config.task](config, members, clips, Prerequisites(workdir, allow_changed_config, run))
        if wired.sweep:
            wired.sweep.claim(workdir, allow_changed_config)
        job = _job(wired, config, clips, str(workdir), validation_of(config), choice)
        loop.train(job, workdir, profile)
        if config.task == "distill" and jax.process_index() == 0:
            _plot_layer_weights(wired.sweep.folders(workdir) if wired.sweep else [workdir])


def dry_run(config: ConfigDict) -> None:
    """Measures the cost of a run, and of the pre-training of its teacher if it needs one. Writes no file."""
    config, members = checked(config)
    clips = clips_of(config, "train")
    fit_window(config, members, clips)
    wired = WIRING[config.task](config, members, clips, DryPrerequisites(dry_run))
    rehearse(_job(wired, config, clips, "dry run"))


def checked(config: ConfigDict) -> tuple[ConfigDict, tuple[Member, ...]]:
    """Checks a configuration, and fills in fields that follow from others.

    Returns:
      The configuration, and the members of its sweep.

    Raises:
      UserError: for a field that cannot be used.
    """
    lookup(MAY_DIFFER, config.get("task"), "config.task")
    check_fields(config)
    if config.get("runlocal"):
        config = shrunk(config)
    if config.data.get("starter") and not is_fake(config.data.corpus):
        config.data.corpus = with_starter(config.data.corpus)
    host_rows(config.batch_size)  # raises UserError for a batch that cannot be divided over the devices
    members = members_of(config, MAY_DIFFER[config.task])
    for member in members:
        check_fields(member.config)
    if config.task == "finetune":
        adopt_students(config, members)
    return config, members


class Wired(NamedTuple):
    """A task, the source of its batches, its sweep (None: a single run), and its phases (None: one)."""

    task: Task
    source: Source
    sweep: Sweep | None
    phases: Phases | None = None


def wire_pretrain(config: ConfigDict, members: tuple[Member, ...], clips: Clips, prerequisites: Prerequisites) -> Wired:
    """Connects the parts of pre-training: crops of speech, and a teacher or student that predicts the codes of its codebook."""
    weights = tuple(pretrain.weights_of(member.config) for member in members)
    return Wired(pretrain.pretrain(config), crops_of(config, clips), Sweep(members, weights) if members else None)


def wire_distill(config: ConfigDict, members: tuple[Member, ...], clips: Clips, prerequisites: Prerequisites) -> Wired:
    """Connects the parts of distillation: crops of speech, a teacher, and a student that predicts the teacher's outputs."""
    prerequisites.check_export(_future_detector(config), config)
    teacher = prerequisites.teacher(config)
    if members:
        config = distill.sweep_config([member.config for member in members])
    crops, selection = crops_of(config, clips), distill.selection_of(config, teacher.config.layers)
    if selection.codes:
        teacher = teacher._replace(codebook=prerequisites.codebook(config, teacher, crops))
    source = prerequisites.cached(config, teacher, selection, crops)
    task = distill.distill(config, teacher, *acoustics(clips, config.data.crop_seconds))
    weights = tuple(distill.weights_of(member.config, selection.layers) for member in members)
    meaningless = tuple(distill.meaningless_metrics(member.config) for member in members)
    return Wired(task, source, Sweep(members, weights, meaningless=meaningless) if members else None)


def wire_finetune(config: ConfigDict, members: tuple[Member, ...], clips: Clips, prerequisites: Prerequisites) -> Wired:
    """Connects the parts of fine-tuning: labelled windows, and a student with a head that detects the keywords."""
    keywords = parse_keywords(config.keyword)
    model = keyword_model(config, len(keywords) + 1)
    if config.encoder == "cached":
        return _wire_head(config, model, members, clips, prerequisites)
    lead = model.clip - model.window
    source = Windows.of(clips, keywords, model.clip, config.batch_size, data_seed(config), config.data, lead)
    prerequisites.check_export(model, config)
    task = finetune.finetune(config, model, start_of(config.init), *acoustics(clips, model.clip / SAMPLE_RATE))
    sweep = None
    if members:
        weights = tuple(finetune.weights_of(member.config) for member in members)
        sweep = Sweep(members, weights, tuple(start_of(member.config.init) for member in members))
    if not config.get("mining", {}).get("rounds", 0):
        return Wired(task, source, sweep)
    if sweep:
        raise UserError(
            f"config.mining.rounds={config.mining.rounds}: expected 0 with config.sweep, whose members share batches"
        )
    source = HardWindows(source, config.mining.share)
    return Wired(task, source, sweep, prerequisites.mining(config, clips, model, keywords, source))


def _wire_head(
    config: ConfigDict, model: KeywordModel, members: tuple[Member, ...], clips: Clips, prerequisites: Prerequisites
) -> Wired:
    """Connects the parts of the training of a head: windows of cached outputs, and a head."""
    if members:
        raise UserError("config.sweep: expected no sweep with config.encoder=cached")
    if config.mining.rounds:
        raise UserError(f"config.mining.rounds={config.mining.rounds}: expected 0 with config.encoder=cached")
    encoder = model.init(jax.random.key(config.seed)) | (start_of(config.init) or {})
    task = train_head(config, model, encoder)
    outputs = prerequisites.encoder_outputs(config, model, encoder, clips)
    keywords = parse_keywords(config.keyword)
    windows = Windows.of(clips, keywords, model.window, config.batch_size, data_seed(config), config.data)
    return Wired(task, OutputWindows(windows, outputs), None)


WIRING = {"pretrain": wire_pretrain, "distill": wire_distill, "finetune": wire_finetune}


def _job(wired: Wired, config: ConfigDict, clips: Clips, name: str, validation=None, choice=None) -> Job:
    inputs = inputs_of(config, clips, wired.source, validation)
    title = f"{config.task} {name}" + (f" ({len(wired.sweep)} members)" if wired.sweep else "")
    unit = Unit("audio_seconds", "audio s", config.batch_size * wired.source.samples / SAMPLE_RATE)
    return Job(wired.task, inputs, config, title, wired.sweep, unit, choice, wired.phases)


def _future_detector(config: ConfigDict) -> KeywordModel:
    """A detector with the student of a distillation, by `config.detector`, to check that it can be exported."""
    return keyword_model(ConfigDict({"data": config.detector.to_dict(), "student": config.student.to_dict()}), 2)


def _choice(config: ConfigDict, is_sweep: bool) -> Callable[[Any], dict[str, float]] | None:
    if not chooses(config):
        return None
    # Imported here because most runs take their last step, and scikit-learn, which measures the others, takes two seconds.
    from s3rl_jax.train.choice import choice_of

    return choice_of(config, is_sweep)


def _plot_layer_weights(workdirs: list[Path]) -> None:
    plots = [plot for plot in map(plot_layer_weights, workdirs) if plot]
    if plots:
        LOGGER.info(f"weights of the teacher's layers: {plots[0]}{' and so on' if plots[1:] else ''}")
