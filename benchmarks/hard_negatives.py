"""What mining and weighting of negatives are worth: false accepts an hour at 5 % misses, against plain fine-tuning.

    python -m benchmarks.hard_negatives --corpus=CORPUS[,CORPUS] --out=runs/hard [--seeds=0,1,2] [--rows=plain,both]
        [--conditions=snr_10] [--config.FIELD=VALUE ...]

Each corpus has recordings of the keyword in its test split, by people whom the training has not heard. A row is a fine-tuning
with the same fields, the same steps and some of `config.mining`, `config.focus` and `config.negative_growth`. Finished runs are
not repeated. The ratio to the row `plain` has an interval (95 %) by a paired bootstrap over speakers, blocks of the stream and
seeds. Prints a table; OUT/results.json has the figures.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import about
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.evaluate.conditions import open_conditions
from s3rl_jax.evaluate.curves import det_curve, false_accepts_at
from s3rl_jax.evaluate.relative_false_accepts import relative_false_accepts
from s3rl_jax.evaluate.scored_detector import of_run
from s3rl_jax.evaluate.trial import Trial
from s3rl_jax.runs.detector import open_detector
from s3rl_jax.runs.workdir import saved_steps

PLAIN = "plain"
MINING = ("--config.mining.rounds=2",)
WEIGHTING = ("--config.negative_growth=3",)
FOCUS = ("--config.focus=2",)
ROWS: dict[str, tuple[str, ...]] = {
    PLAIN: (),
    "mining": MINING,
    "weighting": WEIGHTING,
    "focus": FOCUS,
    "both": MINING + WEIGHTING,
}
MISSES = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description="False accepts at 5 %% misses, with and without mining and weighting.")
    parser.add_argument("--corpus", required=True, help="one or several, each with recordings of the keyword in its test split")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--conditions", default="snr_10")
    arguments, fields = parser.parse_known_args()
    seeds, rows = arguments.seeds.split(","), arguments.rows.split(",")
    if PLAIN not in rows or not set(rows) <= set(ROWS):
        parser.error(f"--rows={arguments.rows}: expected {PLAIN} and others of {', '.join(ROWS)}")
    workdirs = {row: [train(arguments.out, row, seed, tuple(fields)) for seed in seeds] for row in rows}
    results = {
        corpus: figures(workdirs, corpus, tuple(arguments.conditions.split(","))) for corpus in arguments.corpus.split(",")
    }
    document = {**about(), "misses": MISSES, "fields": fields, "seeds": seeds, "corpora": results}
    (arguments.out / "results.json").write_text(json.dumps(document, indent=1))
    print(markdown(results))


def train(out: Path, row: str, seed: str, fields: tuple[str, ...]) -> Path:
    """Trains a row with a seed, unless its run is finished."""
    workdir = out / row / seed
    if not (workdir / "ended").is_file():
        command = [sys.executable, "-m", "s3rl_jax.train", "--config=configs/finetune.py", f"--workdir={workdir}"]
        subprocess.run([*command, *fields, *ROWS[row], f"--config.seed={seed}", "--config.preflight=False"], check=True)
        assert saved_steps(workdir)
        (workdir / "ended").touch()
    return workdir


def figures(workdirs: dict[str, list[Path]], corpus: str, conditions: tuple[str, ...]) -> dict[str, dict]:
    """Condition -> row -> false accepts an hour of each seed, and the ratio of their sum to that of plain fine-tuning."""
    runs = {row: [of_run(open_detector(str(workdir), "--out")) for workdir in paths] for row, paths in workdirs.items()}
    first = runs[PLAIN][0]
    streams, _ = open_conditions(read_corpus(corpus, "test"), first.keywords, conditions)
    results = {}
    for condition, make_stream in streams.items():
        stream = make_stream()
        trials = {row: [run.trial(stream) for run in of_row] for row, of_row in runs.items()}
        results[condition] = {row: compared(of_row, trials[PLAIN], stream.speakers) for row, of_row in trials.items()}
    return results


def compared(trials: list[Trial], plain: list[Trial], speakers: list[str]) -> dict:
    """The figures of one row."""
    ratio, interval = relative_false_accepts(trials, plain, speakers, rejects=MISSES)
    rates = [false_accepts_at(det_curve(trial), MISSES).fa_per_hour for trial in trials]
    hours, words = trials[0].negative_hours, len(trials[0].zones)
    return {
        "fa_per_hour": [round(rate, 3) for rate in rates],
        "hours": round(hours, 2),
        "words": words,
        "ratio": ratio,
        "interval_95": interval,
    }


def markdown(results: dict) -> str:
    """A line for each corpus, condition and row."""
    lines = [f"| false accepts an hour at {100 * MISSES:g} % misses | seeds | of {PLAIN} |", "| --- | --- | --- |"]
    for corpus, conditions in results.items():
        for condition, rows in conditions.items():
            for row, cell in rows.items():
                rates = ", ".join(f"{rate:.2f}" for rate in cell["fa_per_hour"])
                lines.append(f"| {Path(corpus).name}, {condition}, {row} | {rates} | {text_of(cell)} |")
    return "\n".join(lines)


def text_of(cell: dict) -> str:
    if cell["ratio"] is None:
        return "-"
    low, high = (f"{end:.2f}" if end is not None else "-" for end in cell["interval_95"])
    return f"{cell['ratio']:.2f} [{low}-{high}]"


if __name__ == "__main__":
    main()
