"""Packs the student of a distillation into a file, with a model card beside it."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.claim import changed_fields
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips, read_corpus
from s3rl_jax.corpus.left_out import without_sources
from s3rl_jax.models.student.registry import STATISTICS
from s3rl_jax.pretrained.student_file import PREFIX, SUFFIX, Pretrained, write
from s3rl_jax.runs.code_version import git_revision
from s3rl_jax.runs.config_file import load_config
from s3rl_jax.runs.params import read_params_and_step
from s3rl_jax.runs.workdir import read_config

TASKS = ("distill", "pretrain")


def pack(workdir: str, out: str, teacher: str = "", sources: str = "", commands: str = "") -> Pretrained:
    """Writes OUT.safetensors and OUT.md.

    Args:
      workdir: workdir of the run that trained the student.
      out: a path, with .safetensors or without.
      teacher: name of the teacher for the card; empty: `config.teacher.source`.
      sources: a sentence about the audio for the card.
      commands: commands for the card that repeat the training, a line each; empty: the command of the run.

    Raises:
      UserError: for a run that trains no student by itself.
    """
    config = read_config(workdir, "--workdir")
    if config.task not in TASKS or config.get("model") == "teacher":
        raise UserError(f"--workdir={workdir}: a run of {config.task} that trains no student by itself; expected {TASKS}")
    params, step = read_params_and_step(workdir, "--workdir")
    path = Path(out.removesuffix(SUFFIX))
    clips = without_sources(read_corpus(config.data.corpus, "train", "config.data.corpus"), config.data)
    speech = clips.columns["kind"] == "speech"
    card = {
        "student": config.student.to_dict(),
        "teacher": teacher or config.get("teacher", {}).get("source", ""),
        "sources": sources,
        "hours": round(float(clips.columns["samples"][speech].sum()) / SAMPLE_RATE / 3600, 2),
        "speakers": len(set(clips.columns["speaker"][speech].tolist()) - {""}),
        "languages": sorted(set(clips.columns["lang"][speech].tolist()) - {""}),
        "licences": _licences(clips),
        "steps": step,
        "command": commands or command(config, workdir),
        "commit": git_revision()[:12],
    }
    student = Pretrained({name: params[name] for name in ("student", STATISTICS) if name in params}, card)
    write(path.with_name(path.name + SUFFIX), student)
    with durably(path.with_name(path.name + ".md")) as file:
        file.write(model_card(path.name, student))
    return student


def command(config: ConfigDict, workdir: str) -> str:
    """The command that trains this configuration. Its flags are the fields that differ from the default of the task."""
    default, actual = (json.loads(each.to_json()) for each in (load_config(config.task), config))
    flags = [f"--{field}={_flag(value)}" for field, _, value in changed_fields(default, actual, "config") if value is not None]
    return " ".join(["python -m s3rl_jax.train", f"--config=configs/{config.task}.py", f"--workdir={workdir}", *flags])


def model_card(name: str, student: Pretrained) -> str:
    """Formats the card as Markdown."""
    card, count = student.card, sum(np.size(leaf) for leaf in jax.tree.leaves(student.params))
    amounts = card["licences"].items()
    licences = "\n".join(f"* {hours:.2f} h under {licence or 'no stated licence'}" for licence, hours in amounts)
    commands = "\n".join(f"    {line}" for line in card["command"].splitlines())
    people = f"{card['speakers']} named speakers, in {len(card['languages'])} languages"
    return f"""# {name}

A student of `s3rl_jax` that was distilled from {card["teacher"]}; the start of a keyword spotter, not one itself.

* Parameters: {count:,}, in float16; {card["student"]["size"]}, hears log-mel frames of 16 kHz mono.
* Data: {card["hours"]} hours of speech by {people}. {card["sources"]}
* Steps: {card["steps"]}. Commit: {card["commit"]}.

Use: `--config.init={PREFIX}{name}` in fine-tuning, or `s3rl_jax.pretrained.load("{name}")` in Python.

## Training again

{commands}

## Licences of the audio

{licences}
"""


def _licences(clips: Clips) -> dict[str, float]:
    """Hours of speech and noise under each licence."""
    hours: dict[str, float] = defaultdict(float)
    for licence, samples in zip(clips.columns["licence"].tolist(), clips.columns["samples"].tolist(), strict=True):
        hours[str(licence)] += samples / SAMPLE_RATE / 3600
    return {licence: round(amount, 2) for licence, amount in sorted(hours.items())}


def _flag(value: Any) -> str:
    return f"'{tuple(value)}'" if isinstance(value, list) else str(value)
