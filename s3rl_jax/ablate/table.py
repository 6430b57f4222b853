"""The paper's tables out of the reports of many detectors: relative false accepts, a row for each way to train."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.evaluate.curves import Trial
from s3rl_jax.evaluate.evaluation import trial_of_words
from s3rl_jax.evaluate.relative_false_accepts import relative_far


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
    theirs = [trials_of(report) for report in next(row for row in rows if row.name == baseline).reports]
    table = []
    for row in rows:
        found = {}
        ours = [trials_of(report) for report in row.reports]
        measured = [json.loads((report / "metrics.json").read_text())["conditions"] for report in row.reports]
        for condition in conditions:
            (trials, whose), (base, whose_base) = (zip(*(seed[condition] for seed in s), strict=True) for s in (ours, theirs))
            speakers = whose_base[0]
            if any(own != speakers for own in (*whose, *whose_base)):
                raise ValueError(f"{row.name}, {condition}: not the same stream as {baseline}")
            ratio, interval = relative_far(trials, base, speakers, rate)
            results = [seed[condition] for seed in measured]
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
        f"false accepts relative to {baseline}, at its false rejects at {rate:g} an hour": _relative,
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


def trials_of(report: Path) -> dict[str, tuple[Trial, list[str]]]:
    """What a detector scored in each condition, and whose the words are, out of scores.csv and words.csv."""
    posteriors: dict[str, list[float]] = {}
    times: dict[str, float] = {}
    for row in _rows(report / "scores.csv"):
        posteriors.setdefault(row["file"], []).append(float(row["posterior"]))
        times.setdefault(row["file"], float(row["time"]))  # of the first hop's end
    words: dict[str, list[dict]] = {}
    for row in _rows(report / "words.csv"):
        words.setdefault(row["file"], []).append(row)
    found = {}
    for condition, said in words.items():
        places = [tuple(round(float(word[end]) * SAMPLE_RATE) for end in ("start", "end")) for word in said]
        trial = trial_of_words(np.array(posteriors[condition]), places, round(times[condition] * SAMPLE_RATE))
        found[condition] = trial, [word["speaker"] or word["id"] for word in said]
    return found


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _relative(cell):
    if cell["relative_far"] is None:
        return "-"
    low, high = cell["interval_95"]
    return f"{cell['relative_far']:.2f} [{low:.2f}-{'' if high is None else f'{high:.2f}'}]"


def _rates(values):
    return f"{100 * np.mean(values):.1f} ({', '.join(f'{100 * value:.1f}' for value in values)})"
