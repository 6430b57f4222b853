"""Tables of `benchmarks.recipes`: equal error rates, and their differences from a row with paired intervals.

    python -m benchmarks.recipes_table runs/recipes/results --out=benchmarks/results/recipes.json

Intervals: 95 %, of the mean over seeds; a bootstrap draws speakers of the words and blocks of half a minute of other sound,
the same ones for both rows.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

CONDITIONS = ("clean", "snr_10", "snr_5", "snr_0")
DRAWS = 500
BLOCK = 19  # stretches of 1.6 s: half a minute
TITLES = {
    "none": "nothing",
    "ssl": "no teacher (wav2vec 2.0's own objective)",
    "fr": "frame regression, a head a layer",
    "dv": "dual view",
    "cb": "codebook",
    "dvcb": "dual view + codebook, one masked pass",
    "dvcb2": "dual view + codebook, two passes",
    "dvfr": "dual view + frame regression",
    "dv4": "dual view, layer 4",
    "dvfr12": "dual view + frame regression, layers 1-2",
}
Errors = Float[np.ndarray, "draws"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Tables of benchmarks.recipes.")
    parser.add_argument("results", type=Path)
    parser.add_argument("--against", default="none,ssl", help="rows that the others are compared with")
    parser.add_argument("--out", type=Path, help="the JSON to write")
    parser.add_argument("--picture", type=Path, help="the SVG to write")
    arguments = parser.parse_args()
    tables = {file.stem: table_of(file, arguments.against.split(",")) for file in sorted(arguments.results.glob("*.npz"))}
    for name, table in tables.items():
        print(f"\n{name}\n\n{markdown(table)}")
    if arguments.out:
        arguments.out.write_text(json.dumps(tables, indent=1))
    if arguments.picture:
        draw(tables, arguments.picture)


def table_of(file: Path, against: list[str]) -> dict:
    """Row -> condition -> `eer` of each seed, and the difference from each row of `against` with its interval."""
    arrays = np.load(file)
    rows = json.loads(file.with_suffix(".json").read_text())["rows"]
    measured = {(row["member"], row["condition"]): row["eer"] for row in rows}
    speakers = np.unique(arrays["speakers"], return_inverse=True)[1]
    members = defaultdict(list)
    for member in sorted({key.split("|")[0] for key in arrays if "|" in key}):
        members[member.rsplit(",", 1)[0]].append(member)
    table: dict = {row: {} for row in members}
    for condition in CONDITIONS:
        rng = np.random.default_rng(0)
        blocks = len(arrays[f"{members[next(iter(members))][0]}|{condition}|stretches"]) // BLOCK
        draws = [
            (rng.integers(0, speakers.max() + 1, speakers.max() + 1), rng.integers(0, blocks, blocks)) for _ in range(DRAWS)
        ]
        errors = {
            row: np.mean([bootstrap(arrays, member, condition, speakers, draws) for member in names], axis=0)
            for row, names in members.items()
        }
        for row, names in members.items():
            cell = {"eer": [round(measured[member, condition], 4) for member in names]}
            for other in against:
                if other in errors and other != row:
                    low, high = np.percentile(errors[row] - errors[other], (2.5, 97.5))
                    cell[f"less than {other}"] = [round(float(-high), 4), round(float(-low), 4)]
            table[row][condition] = cell
    return table


def bootstrap(arrays, member: str, condition: str, speakers: Int[np.ndarray, "words"], draws) -> Errors:
    """The equal error rate of each draw."""
    peaks, stretches = (arrays[f"{member}|{condition}|{name}"].astype(np.float32) for name in ("peaks", "stretches"))
    thresholds = np.quantile(stretches, np.linspace(0.3, 1.0, 400))
    missed = np.zeros((speakers.max() + 1, len(thresholds)))
    np.add.at(missed, speakers, peaks[:, None] < thresholds)
    words = np.bincount(speakers)
    accepted = (stretches[: len(stretches) // BLOCK * BLOCK, None] >= thresholds).reshape(-1, BLOCK, len(thresholds)).sum(1)
    errors = []
    for people, blocks in draws:
        rejects = missed[people].sum(0) / words[people].sum()
        accepts = accepted[blocks].sum(0) / (len(blocks) * BLOCK)
        best = np.abs(rejects - accepts).argmin()
        errors.append((rejects[best] + accepts[best]) / 2)
    return np.array(errors)


def markdown(table: dict) -> str:
    """Equal error rates in %, mean over seeds; where the difference from a row has its interval above 0, a mark."""
    against = sorted({name for row in table.values() for name in row["clean"] if name != "eer"})
    lines = ["| row | " + " | ".join(CONDITIONS) + " |", "| --- " * (len(CONDITIONS) + 1) + "|"]
    marks = dict(zip(against, "*†", strict=False))
    for row, cells in sorted(table.items(), key=lambda item: np.mean([np.mean(c["eer"]) for c in item[1].values()])):
        texts = []
        for condition in CONDITIONS:
            cell = cells[condition]
            better = "".join(mark for name, mark in marks.items() if cell.get(name, [0])[0] > 0)
            texts.append(f"{100 * np.mean(cell['eer']):.1f}{better} ({'/'.join(f'{100 * e:.1f}' for e in cell['eer'])})")
        lines.append(f"| {TITLES.get(row, row)} | " + " | ".join(texts) + " |")
    return "\n".join([*lines, "", ", ".join(f"{mark}: {name}, outside the paired interval" for name, mark in marks.items())])


def draw(tables: dict, path: Path) -> None:
    """Dots: the mean equal error rate of each row in each condition, a panel for each kind of examples of tiny."""
    shown = {name: table for name, table in tables.items() if name.startswith("tiny")} or tables
    figure = Figure(figsize=(2.9 * len(shown), 3.2), layout="constrained")
    for axis, (name, table) in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown.items(), strict=True):
        rows = sorted(table, key=lambda row: -np.mean([np.mean(cell["eer"]) for cell in table[row].values()]))
        for condition in CONDITIONS:
            values = [100 * np.mean(table[row][condition]["eer"]) for row in rows]
            axis.plot(values, np.arange(len(rows)), "o", label=condition)
        axis.set_yticks(np.arange(len(rows)), rows)
        axis.set(title=name, xlabel="equal error rate, %")
        axis.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
