"""The choice of a checkpoint by its score on held-out sound: the order of scores, and the file that names the chosen step."""

import math
from collections.abc import Mapping
from pathlib import Path

from ml_collections import ConfigDict

from s3rl_jax.core.claim import read_record, write_record

CHOICE = "choice.json"  # file in the workdir: the chosen step and its score
MISSES, FALSE_ACCEPTS = "choice/misses", "choice/false_accepts"  # metrics that decide

Score = Mapping[str, float]


def chooses(config: ConfigDict) -> bool:
    """Whether a run scores its checkpoints; older configurations lack `choice`."""
    return bool(config.get("choice") and config.choice.every)


def merit(score: Score) -> tuple[float, float]:
    """The order of scores, the best one highest: fewer words missed; of as many, fewer false accepts. No score is the worst."""
    return -score.get(MISSES, math.inf), -score.get(FALSE_ACCEPTS, math.inf)


def chosen_step(workdir: Path) -> int | None:
    """The step that a finished run has chosen; None if it has chosen none."""
    path = workdir / CHOICE
    return read_record(path).get("step") if path.is_file() else None


def write_choice(workdir: Path, chosen: tuple[int, Score] | None) -> None:
    """Writes the chosen step and its score; None removes the file, so that the newest checkpoint is read."""
    if chosen is None:
        (workdir / CHOICE).unlink(missing_ok=True)
    else:
        step, score = chosen
        write_record(workdir / CHOICE, {"step": step, "score": dict(score)})
