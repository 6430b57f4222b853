"""Writes the starter set as a corpus into the user's cache, once a machine."""

import json
import os
import shutil
from pathlib import Path

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.layout import NAME, SUMMARY, VERSION
from s3rl_jax.corpus.starter import STARTER, names_starter, starter_folder
from s3rl_jax.prepare.preparation import Options, prepare_shards
from s3rl_jax.starter.audio_parts import audio_parts


def ensure_unpacked(corpora: str) -> None:
    """Writes the starter set's corpus if a comma-separated list of corpora names it and it is not there.

    Raises:
      UserError: if it cannot be written.
    """
    if names_starter(corpora):
        unpack()


def unpack() -> dict:
    """Writes the corpus, unless it is there. Of two processes that do so at once, the first to end is used by both.

    Returns:
      The summary of the corpus.

    Raises:
      UserError: if it cannot be written.
    """
    folder = starter_folder()
    summary = folder / NAME / VERSION / SUMMARY
    if not summary.is_file():
        _write(folder)
    return json.loads(summary.read_text(encoding="utf-8"))


def described(clips: Clips, corpora: str) -> str:
    """What the starter set adds to a run, for the log.

    Args:
      clips: of all corpora.
      corpora: their comma-separated list.
    """
    number = [name.strip() for name in corpora.split(",")].index(STARTER)
    is_starter = clips.columns["corpus"] == number
    speech, noise = (is_starter & (clips.columns["kind"] == kind) for kind in ("speech", "noise"))
    hours, noise_hours = (clips.columns["samples"][rows].sum() / SAMPLE_RATE / 3600 for rows in (speech, noise))
    speakers, languages = (len({text for text in clips.columns[name][speech] if text}) for name in ("speaker", "lang"))
    return (
        f"the starter set is added: {hours:.1f} h of speech by {speakers} people in {languages} languages, and "
        f"{noise_hours:.1f} h of noise and music (licences: s3rl_jax/starter/LICENSES.md)"
    )


def _write(folder: Path) -> None:
    """Writes aside and renames: a corpus that is there is finished."""
    aside = folder.with_name(f"{folder.name}.{os.getpid()}")
    LOGGER.info(f"unpacking the starter set into {folder} (once a machine) ...")
    try:
        prepare_shards(audio_parts(), str(aside), Options(segment_seconds=60.0, workers=os.cpu_count() or 1))
        if folder.exists() and not (folder / NAME / VERSION / SUMMARY).is_file():
            shutil.rmtree(folder)  # something else, without a corpus
        aside.rename(folder)
    except OSError as error:
        if not (folder / NAME / VERSION / SUMMARY).is_file():  # else another process was faster
            raise UserError(
                f"starter: {folder} cannot be written: {error.strerror}; name another cache with XDG_CACHE_HOME"
            ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
