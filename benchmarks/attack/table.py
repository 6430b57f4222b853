"""Figures of the tries by kind, as JSON and as a table."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.attack.kinds import KINDS
from benchmarks.attack.process import FAULTS


def summary(records: Sequence[dict]) -> dict:
    """Counts tries, verdicts and whole commands of each kind, the longest seconds and the highest megabytes."""
    kinds = {}
    for kind in KINDS:
        of_kind = [record for record in records if record["kind"] == kind]
        verdicts = Counter(record["verdict"] for record in of_kind)
        kinds[kind] = {
            "tries": len(of_kind),
            "whole_commands": sum(record["whole"] for record in of_kind),
            **{verdict: verdicts[verdict] for verdict in ("accepted", "refused", *FAULTS)},
            "most_seconds": max((record["seconds"] for record in of_kind), default=0.0),
            "most_megabytes": max((record["megabytes"] for record in of_kind), default=0),
        }
    return {"tries": len(records), "kinds": kinds}


def text(figures: dict) -> str:
    """Formats a Markdown table: a row for each kind, and the sum."""
    columns = ("tries", "accepted", "refused", *FAULTS)
    rows = [[kind, *(row[column] for column in columns), row["most_megabytes"]] for kind, row in figures["kinds"].items()]
    sums = [sum(row[place] for row in rows) for place in range(1, len(columns) + 1)]
    rows.append(["all", *sums, max(row[-1] for row in rows)])
    lines = [["input", *columns, "most MB"], ["---"] * (len(columns) + 2), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
