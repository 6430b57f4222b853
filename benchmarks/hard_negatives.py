"""What mining and weighting of negatives are worth: false accepts an hour at equal misses, against plain fine-tuning.

    python -m benchmarks.hard_negatives --corpus=CORPUS[,CORPUS] --out=runs/hard [--seeds=0,1,2] [--rows=plain,both]
        [--conditions=snr_10] [--config.FIELD=VALUE ...]

Each corpus has recordings of the keyword in its test split, by people whom the training has not heard. A row is a fine-tuning
with the same fields, the same steps and some of `config.mining`, `config.focus` and `config.negative_growth`. Finished runs are
not repeated. The ratio to the row `plain` and the difference have intervals (95 %) by a paired bootstrap over speakers, blocks
of the stream and seeds; where a draw has no false accept of `plain`, its ratio has no bound. Prints a table; OUT/results.json
has the figures.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import about
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.evaluate.conditions import open_conditions
from s3rl_jax.evaluate.curves import det_curve, false_accepts_at, operating_point
from s3rl_jax.evaluate.relative_false_accepts import paired_false_accepts
from s3rl_jax.evaluate.scored_detector import of_run
from s3rl_jax.evaluate.trial import Trial
from s3rl_jax.runs.detector import open_detector

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
MISSES = (0.05, 0.1)
RATES = (0.5, 1.0)  # false accepts an hour, for the misses


def main() -> None:
    parser = argparse.ArgumentParser(description="False accepts at equal misses, with and without mining and weighting.")
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
    """The figures of one row: words missed at each rate, and false accepts at each share of misses."""
    curves = [det_curve(trial) for trial in trials]
    missed = {f"{rate:g}": [round(operating_point(curve, rate).frr * curve.words) for curve in curves] for rate in RATES}
    at = {}
    for misses in MISSES:
        paired = paired_false_accepts(trials, plain, speakers, misses)
        (ratio, interval), (difference, difference_interval) = paired.ratio, paired.difference
        at[f"{misses:g}"] = {
            "fa_per_hour": [round(false_accepts_at(curve, misses).fa_per_hour, 3) for curve in curves],
            "ratio": ratio,
            "interval_95": interval,
            "difference": difference,
            "difference_interval_95": difference_interval,
        }
    return {"words": curves[0].words, "hours": round(curves[0].hours, 2), "missed_at_fa_per_hour": missed, "at_misses": at}


def markdown(results: dict) -> str:
    """A line for each corpus, condition, row and share of misses."""
    missed = [f"missed at {rate:g} an hour" for rate in RATES]
    lines = [f"| seeds | {' | '.join(missed)} | misses | false accepts an hour | of {PLAIN} | less {PLAIN} |"]
    lines.append("| --- " * (5 + len(RATES)) + "|")
    for corpus, conditions in results.items():
        for condition, rows in conditions.items():
            for row, figures_of_row in rows.items():
                words = [", ".join(map(str, figures_of_row["missed_at_fa_per_hour"][f"{rate:g}"])) for rate in RATES]
                for misses, cell in figures_of_row["at_misses"].items():
                    rates = ", ".join(f"{rate:.2f}" for rate in cell["fa_per_hour"])
                    title = f"{Path(corpus).name}, {condition}, {row}"
                    lines.append(f"| {' | '.join([title, *words, misses, rates, ratio_of(cell), difference_of(cell)])} |")
    return "\n".join(lines)


def ratio_of(cell: dict) -> str:
    if cell["ratio"] is None:
        return "-"
    low, high = (f"{end:.2f}" if end is not None else "no bound" for end in cell["interval_95"])
    return f"{cell['ratio']:.2f} [{low}, {high}]"


def difference_of(cell: dict) -> str:
    low, high = cell["difference_interval_95"]
    return f"{cell['difference']:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
