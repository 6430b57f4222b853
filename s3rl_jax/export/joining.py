"""Joins fine-tuned runs with the same student to one detector, for a file with one encoder and a head for each run."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from s3rl_jax.core.errors import UserError
from s3rl_jax.models.shared_encoder import share_encoder
from s3rl_jax.models.student.registry import STATISTICS
from s3rl_jax.runs.detector import TrainedDetector, open_detector
from s3rl_jax.runs.workdir import listed


def open_runs(workdirs: str) -> list[TrainedDetector]:
    """Opens the runs of a list of workdirs, as `listed` reads it; of several, those with the same window follow each other.

    Raises:
      UserError: if a workdir holds no detector, or the runs have different students, hops or a keyword twice.
    """
    runs = [open_detector(workdir, "--workdir") for workdir in listed(workdirs)]
    if not runs:
        raise UserError("--workdir: expected the workdir of a run, or several, comma-separated")
    for run in runs[1:]:
        _check_same_encoder(run, runs[0])
    words = [word for run in runs for word in run.keywords]
    if len(set(words)) < len(words):
        raise UserError(f"--workdir={workdirs}: the keywords are {', '.join(words)}; expected each once")
    return sorted(runs, key=lambda run: run.model.window)


def joined(runs: Sequence[TrainedDetector]) -> TrainedDetector:
    """The detector of all runs; of a single run, that run. Its configuration is that of the first run."""
    if len(runs) == 1:
        return runs[0]
    model, params = share_encoder([run.model for run in runs], [run.params for run in runs])
    keywords = tuple(word for run in runs for word in run.keywords)
    return runs[0]._replace(
        workdir=",".join(run.workdir for run in runs),
        keywords=keywords,
        model=model,
        params=params,
        step=max(run.step for run in runs),
    )


def joined_thresholds(runs: Sequence[TrainedDetector], heads: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The fields `scored`, `threshold` and `keywords` of the file, from those of each run.

    With several runs, `keywords` has the thresholds of each keyword at the operating points that all runs have, and
    `scored.heads` the scores of each run. `threshold`, which `keywords` replaces, is the highest of each operating point.

    Raises:
      UserError: if there is no operating point that all runs have.
    """
    if len(runs) == 1:
        return dict(heads[0])
    keywords = {}
    for run, head in zip(runs, heads, strict=True):
        whole = {"threshold": head["threshold"], "refractory_seconds": run.model.firing.refractory_seconds}
        keywords |= head.get("keywords") or dict.fromkeys(run.keywords, whole)
    first, *others = (entry["threshold"] for entry in keywords.values())
    points = [point for point in first if all(point in other for other in others)]
    if not points:
        raise UserError("--workdir: the runs have no operating point in common; evaluate each, or none")
    keywords = {
        word: {**entry, "threshold": {point: entry["threshold"][point] for point in points}} for word, entry in keywords.items()
    }
    highest = {point: max(entry["threshold"][point] for entry in keywords.values()) for point in points}
    scored = [{"keywords": list(run.keywords), **head["scored"]} for run, head in zip(runs, heads, strict=True)]
    return {"scored": {"heads": scored}, "threshold": highest, "keywords": keywords}


def _check_same_encoder(run: TrainedDetector, first: TrainedDetector) -> None:
    """Raises UserError if two runs cannot share an encoder; each must have a streaming student and mean pooling."""
    for each in (first, run):
        if each.model.pooling != "mean" or not each.model.streaming:
            kind = f"{each.model.pooling} pooling, streaming={each.model.streaming}"
            raise UserError(f"--workdir={each.workdir}: {kind}; several heads expect mean pooling and a streaming student")
    same = run.model.student == first.model.student and run.model.hop == first.model.hop
    if not same or not all(_equal(run.params.get(name), first.params.get(name)) for name in ("student", STATISTICS)):
        raise UserError(
            f"--workdir={run.workdir}: another encoder than {first.workdir}; expected heads that were trained on the same one "
            "(--config.encoder=cached or frozen, with the same --config.init)"
        )


def _equal(one, other) -> bool:
    if jax.tree.structure(one) != jax.tree.structure(other):
        return False
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))
