"""`config.data.window_seconds`: follows the measured length of the keyword, or is compared with it."""

from pathlib import Path

from ml_collections import ConfigDict

from s3rl_jax.batches.word_lengths import long_word_seconds, window_for
from s3rl_jax.core.claim import read_record
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import parse_keywords, speech_classes
from s3rl_jax.engine.sweep_members import Member
from s3rl_jax.runs.workdir import CONFIG

LEAST, MOST = 1.5, 60.0  # seconds, of a window that follows the keyword


def fit_window(config: ConfigDict, members: tuple[Member, ...], clips: Clips, workdir: Path | None = None) -> None:
    """Replaces a `config.data.window_seconds` of 0, and warns of a window that is too short for the keyword.

    A run that goes on keeps its window.

    Args:
      config: of a run; of any other task than fine-tuning it stays as it is.
      members: of its sweep, which get the same window.
      clips: the training split.
      workdir: of the run; None where nothing is recorded.

    Raises:
      UserError: if no window can be as long as the keyword.
    """
    if config.task != "finetune":
        return
    if config.data.window_seconds == 0 and (recorded := _recorded_window(workdir)):
        _set(config, members, recorded)
    elif config.data.window_seconds == 0 or config.get("measure", "stream") == "stream":
        _measure(config, members, clips)


def _measure(config: ConfigDict, members: tuple[Member, ...], clips: Clips) -> None:
    classes = speech_classes(clips, parse_keywords(config.keyword))
    seconds = long_word_seconds(clips, classes)
    needed = window_for(seconds)
    length = f'95 % of the recordings of "{config.keyword}" last {seconds:.2f} s or less'
    if needed > MOST:
        raise UserError(f"config.keyword={config.keyword}: {length}; expected a keyword of at most {MOST:g} s with its margin")
    if config.data.window_seconds == 0:
        _set(config, members, max(LEAST, needed))
        LOGGER.info(f"config.data.window_seconds=0: {length}; the window is {config.data.window_seconds:g} s")
    elif needed > config.data.window_seconds:
        LOGGER.warning(
            f"config.data.window_seconds={config.data.window_seconds:g}: {length}, which the window does not hold; "
            f"expected {needed:g}, or 0 to follow the keyword"
        )


def _set(config: ConfigDict, members: tuple[Member, ...], seconds: float) -> None:
    for config_of_run in (config, *(member.config for member in members)):
        config_of_run.data.window_seconds = seconds


def _recorded_window(workdir: Path | None) -> float:
    """The window that a run was begun with; 0 where none is recorded."""
    path = workdir / CONFIG if workdir else None
    return float(read_record(path).get("data", {}).get("window_seconds", 0.0)) if path and path.is_file() else 0.0
