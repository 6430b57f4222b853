"""Loads a teacher from `config.teacher.source`: a workdir of pre-training, or a public model in a folder or on the hub."""

import json
import re
from pathlib import Path

import jax
import jax.numpy as jnp

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.models.ops.precision import compute_dtype
from s3rl_jax.models.pretraining import pretraining_model
from s3rl_jax.models.teacher.family import UnsupportedCheckpoint
from s3rl_jax.models.teacher.published import read_published
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import CHECKPOINTS, CONFIG, read_config

FIELD = "config.teacher.source"
FILES = ("config.json", "preprocessor_config.json", "model*.safetensors", "model.safetensors.index.json")


def load_teacher(source: str | Path, dtype: str, revision: str = "") -> Teacher:
    """Reads a teacher.

    Args:
      source: `config.teacher.source`.
      dtype: dtype of the parameters, in which the teacher computes: float32 or bfloat16.
      revision: branch, tag or commit of a model on the hub; empty: the newest.

    Raises:
      UserError: for a source that is no teacher, a revision with a source that is a folder, or another dtype.
    """
    dtype = compute_dtype(dtype, "config.teacher.dtype")
    folder = Path(source)
    if revision and folder.is_dir():
        raise UserError(f"config.teacher.revision={revision}: {FIELD}={source} is a folder; expected a hub id, or no revision")
    teacher = _from_workdir(folder) if _is_workdir(folder) else _from_published(str(source), revision)
    return teacher._replace(params=jax.tree.map(lambda p: jnp.asarray(p, dtype), teacher.params))


def _is_workdir(folder: Path) -> bool:
    """Whether a folder is a workdir: its config.json has a field `task`, unlike that of a public model."""
    try:
        return "task" in json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return (folder / CHECKPOINTS).is_dir()


def _from_workdir(workdir: Path) -> Teacher:
    config = read_config(workdir, FIELD, "pretrain")
    if config.model != "teacher":
        raise UserError(f"{FIELD}={workdir}: pre-trained as a student; expected config.model=teacher")
    return Teacher(pretraining_model(config)[0].config, read_params(workdir, FIELD))


def _from_published(source: str, revision: str) -> Teacher:
    folder = Path(source) if Path(source).is_dir() else _download(source, revision)
    try:
        published = read_published(folder)
    except UnsupportedCheckpoint as error:
        raise UserError(
            f"{FIELD}={source}: {error}. Expected a workdir of pre-training, or a folder or hub id of a wav2vec 2.0, HuBERT, "
            "WavLM or Whisper with config.json and model.safetensors"
        ) from error
    if published.ignored:
        LOGGER.info(f"{FIELD}={source}: not part of a teacher, ignored: {', '.join(published.ignored)}")
    return Teacher(published.config, published.params)


def _download(source: str, revision: str) -> Path:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", source) or source.startswith("."):
        raise UserError(
            f"{FIELD}={source}: no such folder, and not a hub id; expected a workdir of pre-training, a folder with "
            "config.json and model.safetensors, or for example facebook/wav2vec2-base"
        )
    try:
        import huggingface_hub
    except ImportError as error:
        raise UserError(f"{FIELD}={source}: no such folder; to load it from the hub: pip install 's3rl_jax[hub]'") from error
    try:
        return Path(huggingface_hub.snapshot_download(source, revision=revision or None, allow_patterns=list(FILES)))
    # The hub's client raises errors of many types: its own, those of its HTTP library, and OSError.
    except Exception as error:
        raise UserError(
            f"{FIELD}={source}: the download from the hub failed ({type(error).__name__}). Where there is a network, download "
            f"{', '.join(FILES)} of {source} into one folder, and name that: --{FIELD}=FOLDER"
        ) from error
