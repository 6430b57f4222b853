"""The paper's tables out of the reports of many detectors: relative false accepts, a row for each way to train."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from s3rl_jax.audio.events import REFRACTORY_SECONDS, smooth
from s3rl_jax.evaluation.curves import Trial
from s3rl_jax.evaluation.evaluate import AFTERMATH_SECONDS, LATENESS_SECONDS
from s3rl_jax.evaluation.relative import relative_far


class Row(NamedTuple):
    """One way to train a student of one size.

    Attributes:
      name: of the row.
      size: of the student.
      reports: folders that `evaluate` wrote, one for each seed.
    """

    name: str
    size: str
    reports: list[Path]


def table_of(rows: Sequence[Row], baseline: str, rate: float, conditions: Sequence[str]) -> list[dict]:
    """Each row against the first row named `baseline`, seeds put together.

    Returns:
      A dict a row: `row`, `size`, `seeds`, and under `conditions` for each condition the `relative_far` with its
      `interval_95`, and of each seed the `frr` at `rate` false accepts an hour and the `eer`.
    """
    of_baseline = next(row for row in rows if row.name == baseline)
    # Of the baseline at each condition, once: it is compared with every row.
    theirs = {c: [trial_of(report, c) for report in of_baseline.reports] for c in conditions}
    table = []
    for row in rows:
        found = {}
        for condition in conditions:
            trials = [trial_of(report, condition) for report in row.reports]
            speakers = theirs[condition][0][1]
            if any(own != speakers for _, own in [*trials, *theirs[condition]]):
                raise ValueError(f"{row.name}, {condition}: not the same stream as {baseline}")
            ratio, interval = relative_far([t for t, _ in trials], [t for t, _ in theirs[condition]], speakers, rate)
            results = [json.loads((report / "metrics.json").read_text())["conditions"][condition] for report in row.reports]
            found[condition] = {
                "relative_far": ratio,
                "interval_95": interval,
                "frr": [result["frr_at_fa_per_hour"][f"{rate:g}"] for result in results],
                "eer": [result["eer"] for result in results],
            }
        table.append({"row": row.name, "size": row.size, "seeds": len(row.reports), "conditions": found})
    return table


def markdown(table: Sequence[dict], baseline: str, rate: float) -> str:
    """The table for people: relative false accepts with their interval; then false rejects and equal error rates."""
    conditions = list(table[0]["conditions"])
    blocks = []
    kinds = {
        f"false accepts relative to {baseline}, at its false rejects at {rate:g} an hour": lambda c: _relative(c),
        f"false rejects, %, at {rate:g} false accepts an hour: mean (each seed)": lambda c: _rates(c["frr"]),
        "equal error rate, %: mean (each seed)": lambda c: _rates(c["eer"]),
    }
    for title, cell in kinds.items():
        lines = [f"| {title} | student | " + " | ".join(conditions) + " |", "| --- " * (len(conditions) + 2) + "|"]
        for row in table:
            cells = [cell(row["conditions"][condition]) for condition in conditions]
            lines.append(f"| {row['row']} | {row['size']} | " + " | ".join(cells) + " |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def trial_of(report: Path, condition: str) -> tuple[Trial, list[str]]:
    """What a detector scored in a condition, and whose the words are, out of scores.csv and words.csv."""
    times, posteriors = _columns(report / "scores.csv", condition, "time", "posterior")
    hop = times[0]
    with open(report / "words.csv", newline="", encoding="utf-8") as file:
        words = [row for row in csv.DictReader(file) if row["file"] == condition]
    zones = [
        (int(float(w["start"]) / hop + 1e-6), int(np.ceil((float(w["end"]) + LATENESS_SECONDS) / hop - 1e-6))) for w in words
    ]
    deaf, late = (round(length / hop) for length in (REFRACTORY_SECONDS, AFTERMATH_SECONDS))
    trial = Trial(smooth(posteriors), np.array(zones, np.int64), float(hop), deaf, late)
    return trial, [word["speaker"] or word["id"] for word in words]


def _columns(path: Path, condition: str, *names: str) -> list[Float[np.ndarray, "rows"]]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = [[float(row[name]) for name in names] for row in csv.DictReader(file) if row["file"] == condition]
    return list(np.array(rows).T)


def _relative(cell):
    if cell["relative_far"] is None:
        return "-"
    low, high = cell["interval_95"]
    return f"{cell['relative_far']:.2f} [{low:.2f}-{'' if high is None else f'{high:.2f}'}]"


def _rates(values):
    return f"{100 * np.mean(values):.1f} ({', '.join(f'{100 * value:.1f}' for value in values)})"
