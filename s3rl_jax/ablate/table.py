"""The paper's tables, from the reports of many detectors: relative false accepts, a row for each set of objectives."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s3rl_jax.evaluate.relative_false_accepts import relative_false_accepts
from s3rl_jax.evaluate.report.tables import read_trials


class Row(NamedTuple):
    """A row of the table.

    Attributes:
      name: name of the row.
      size: size of the student.
      reports: folders that `evaluate` wrote, one for each seed.
    """

    name: str
    size: str
    reports: list[Path]


def table_of(rows: Sequence[Row], baseline: str, rate: float, conditions: Sequence[str]) -> list[dict]:
    """Compares each row with the first row named `baseline`, all seeds together.

    Args:
      rows: rows of the table.
      baseline: name of a row.
      rate: false accepts an hour; one of `RATES`.
      conditions: conditions of the reports.

    Returns:
      A dict for each row: `row`, `size`, `seeds`, and `conditions`. The latter holds for each condition `relative_far` and
      its `interval_95`, and lists with a value for each seed: `frr` at `rate` false accepts an hour, and `eer`.

    Raises:
      ValueError: if a report was measured on another stream than the baseline's.
    """
    baseline_trials = [read_trials(report) for report in next(row for row in rows if row.name == baseline).reports]
    table = []
    for row in rows:
        trials = [read_trials(report) for report in row.reports]
        metrics = [json.loads((report / "metrics.json").read_text())["conditions"] for report in row.reports]
        cells = {}
        for condition in conditions:
            candidates, baselines = ([seed[condition] for seed in seeds] for seeds in (trials, baseline_trials))
            speakers = baselines[0].speakers
            if any(seed.speakers != speakers for seed in (*candidates, *baselines)):
                raise ValueError(f"{row.name}, {condition}: not the same stream as {baseline}")
            relative = relative_false_accepts(
                [seed.trial for seed in candidates], [seed.trial for seed in baselines], speakers, rate
            )
            cells[condition] = {
                "relative_far": relative.ratio,
                "interval_95": relative.interval,
                "frr": [seed[condition]["frr_at_fa_per_hour"][f"{rate:g}"] for seed in metrics],
                "eer": [seed[condition]["eer"] for seed in metrics],
            }
        table.append({"row": row.name, "size": row.size, "seeds": len(row.reports), "conditions": cells})
    return table


def markdown(table: Sequence[dict], baseline: str, rate: float) -> str:
    """Formats three Markdown tables: relative false accepts with their interval, false rejects, and equal error rates."""
    conditions = list(table[0]["conditions"])
    figures: dict[str, Callable[[dict], str]] = {
        f"false accepts relative to {baseline}, at its false rejects at {rate:g} an hour": _relative_text,
        f"false rejects, %, at {rate:g} false accepts an hour: mean (each seed)": lambda cell: _percent_text(cell["frr"]),
        "equal error rate, %: mean (each seed)": lambda cell: _percent_text(cell["eer"]),
    }
    blocks = []
    for title, text_of in figures.items():
        lines = [f"| {title} | student | " + " | ".join(conditions) + " |", "| --- " * (len(conditions) + 2) + "|"]
        for row in table:
            cells = [text_of(row["conditions"][condition]) for condition in conditions]
            lines.append(f"| {row['row']} | {row['size']} | " + " | ".join(cells) + " |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _relative_text(cell: dict) -> str:
    if cell["relative_far"] is None:
        return "-"
    low, high = ("" if end is None else f"{end:.2f}" for end in cell["interval_95"])
    return f"{cell['relative_far']:.2f} [{low}-{high}]"


def _percent_text(shares: Sequence[float]) -> str:
    return f"{100 * np.mean(shares):.1f} ({', '.join(f'{100 * share:.1f}' for share in shares)})"
