"""The report's page, one self-contained HTML file. This module prepares the values; the templates are in template/."""

import collections
import functools
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from s3rl_jax.evaluate.breakdown import ATTRIBUTES
from s3rl_jax.evaluate.curves import RATES, Curve
from s3rl_jax.evaluate.report.layer_weights import layer_weights_plot
from s3rl_jax.evaluate.report.model_card import ModelCard
from s3rl_jax.evaluate.report.plots import condition_title, confusion_plot, det_plot, reject_plot, svg, training_plot
from s3rl_jax.evaluate.report.worst_clips import WorstClip, picture_address, wav_address
from s3rl_jax.evaluate.results import ConditionResult

TEMPLATES = Path(__file__).parent / "template"
MOST_POINTS = 300  # of a curve in the threshold chooser
MOST_SPEAKERS = 12  # rows of a table


def report_page(metrics: dict, results: Mapping[str, ConditionResult], card: ModelCard) -> str:
    """Renders the HTML page of a detector's report.

    Args:
      metrics: contents of metrics.json.
      results: result of each condition, in the order of `metrics`.
      card: model card.
    """
    conditions = metrics["conditions"]
    first = next(iter(conditions.values()))
    training = [training_plot(card.training_log)]
    training += [layer_weights_plot(card.distillation)] if card.distillation else []
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            metrics=metrics,
            conditions=conditions,
            first_condition=first,
            rates=RATES,
            reject_shares=list(first["fa_per_hour_at_frr"]),
            breakdown_rate=first["breakdown_at_fa_per_hour"],
            most_speakers=MOST_SPEAKERS,
            by_speaker=group_rows({name: result["by_speaker"] for name, result in conditions.items()}, MOST_SPEAKERS),
            by_attribute={
                attribute: _attribute_table(conditions, attribute)
                for attribute in ATTRIBUTES
                if any(f"by_{attribute}" in result for result in conditions.values())
            },
            by_source=_source_table(conditions),
            by_noise=group_rows({name: result["by_noise"] for name, result in conditions.items() if "by_noise" in result}),
            noisy=[name for name, result in conditions.items() if "by_noise" in result],
            chooser=_chooser_data(first, results),
            worst={name: _worst_values(result.worst_clips) for name, result in results.items() if result.worst_clips},
            det_plot=Markup(svg(det_plot(results))),
            reject_plot=Markup(svg(reject_plot(conditions))),
            training_plots=[Markup(svg(plot)) for plot in training if plot],
            card=card,
        )
    )


def classification_page(metrics: dict) -> str:
    """Renders the HTML page of a classifier's report.

    Args:
      metrics: contents of metrics.json.
    """
    plot = confusion_plot(metrics["classes"], metrics["confusion_matrix"])
    template = _environment().get_template("classification.html.jinja")
    return template.render(metrics=metrics, confusion_plot=Markup(svg(plot)))


def group_rows(tables: Mapping[str, dict[str, dict]], most: int | None = None) -> list[dict]:
    """Rows of a table of misses by group, with a cell for each condition; the group with the most misses is first.

    Args:
      tables: for each condition, the result of `misses_by_group`.
      most: number of rows; None: all groups.
    """
    groups = {group for table in tables.values() for group in table}
    missed = {group: sum(table.get(group, {}).get("missed", 0) for table in tables.values()) for group in groups}
    ordered = sorted(groups, key=lambda group: (-missed[group], group))[:most]
    return [{"group": group, "cells": [table.get(group, {"words": 0}) for table in tables.values()]} for group in ordered]


def _attribute_table(conditions: Mapping[str, dict], attribute: str) -> dict:
    tables = {name: result[f"by_{attribute}"] for name, result in conditions.items() if f"by_{attribute}" in result}
    return {"names": list(tables), "rows": group_rows(tables)}


def _source_table(conditions: Mapping[str, dict]) -> dict:
    """False accepts of each source; the source with the most in all conditions is first."""
    tables = {name: r["false_accepts_by_source"] for name, r in conditions.items() if "false_accepts_by_source" in r}
    totals = collections.Counter()
    for table in tables.values():
        totals.update({source: row["false_accepts"] for source, row in table.items()})
    rows = [{"source": source, "cells": [table.get(source) for table in tables.values()]} for source, _ in totals.most_common()]
    return {"names": list(tables), "rows": rows}


def _chooser_data(first: dict, results: Mapping[str, ConditionResult]) -> dict:
    curves = [_thinned(condition_title(name), result.curve) for name, result in results.items()]
    return {"curves": curves, "start": first["threshold"][first["breakdown_at_fa_per_hour"]]}


def _thinned(name: str, curve: Curve) -> dict:
    step = max(1, len(curve.threshold) // MOST_POINTS)
    columns = {"threshold": curve.threshold, "rejects": curve.false_rejects, "accepts": curve.false_accepts}
    points = {column: values[::-step][::-1].tolist() for column, values in columns.items()}  # the last point is kept
    return {"name": name, "words": curve.words, "hours": curve.hours, **points}


def _worst_values(clips: list[WorstClip]) -> dict[str, list[dict]]:
    """Missed words and false accepts, as values for the template."""
    values = [
        {
            "clip": worst.clip,
            "score": worst.score,
            "seconds": worst.seconds,
            "wav": wav_address(worst.audio),
            "picture": picture_address(worst.audio),
        }
        for worst in clips
    ]
    return {
        "missed": [value for value, worst in zip(values, clips, strict=True) if worst.missed],
        "false_accepts": [value for value, worst in zip(values, clips, strict=True) if not worst.missed],
    }


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda share, digits=1: f"{share:.{digits}%}"
    environment.filters["decimals"] = lambda value, digits: f"{value:.{digits}f}"
    environment.filters["two_digits"] = lambda value: f"{value:.2g}" if value < 100 else f"{value:.0f}"
    environment.filters["title_of_condition"] = condition_title
    # Inserts the text of a style or script file into the page.
    environment.globals["asset"] = lambda name: Markup((TEMPLATES / name).read_text(encoding="utf-8"))
    return environment
