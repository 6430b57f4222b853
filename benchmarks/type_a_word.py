"""Misses of real people by detectors whose keywords were only synthesised: what each part of the product is worth.

    python -m benchmarks.type_a_word --held=HELD --out=runs/typed [--hours=CORPUS] [--apart] [--rows=espeak,pretrained]

The words are spoken by synthesisers alone; no recording of people has them in training. HELD has a test split alone, with
recordings of the words by people, and other speech by voices that are in no training set. Each row adds one part to the row
before it. All words are in one detector; with --apart each word has a detector, as the quickstart trains it. A word counts at
its threshold, with the other words among the negatives. Finished runs are not repeated. Prints the table; OUT/table.json has
the figures with intervals.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.measuring import about
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.keywords import folder_name, label_class, parse_keywords
from s3rl_jax.evaluate.conditions import open_conditions
from s3rl_jax.evaluate.curves import det_curve, operating_point
from s3rl_jax.evaluate.scoring import stream_scorer
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.evaluate.trial import trial_of_words
from s3rl_jax.runs.detector import open_detector
from s3rl_jax.runs.workdir import saved_steps

WORDS = "alexa,computer,jarvis,smart mirror,snowboy,view glass,athena,amelia"
CONDITIONS = ("clean", "snr_10", "snr_5", "snr_0")
RATES = (1.0, 10.0)  # false accepts an hour
WARPING = ("--config.augment.vocal_tract_probability=0.5", "--config.augment.pitch_probability=0.5")
ROOMS = (
    "--config.augment.reverb_probability=0.6",
    "--config.augment.band_probability=0.5",
    "--config.augment.speed_probability=0.5",
)
RANDOM, PRETRAINED = "--config.init=", "--config.init=pretrained:tiny"


class Row(NamedTuple):
    """A row of the table.

    Attributes:
      title: what the row adds.
      fields: arguments of finetune.py.
      engines: arguments of prepare.
      folder: folder of the voices of these engines.
      starter: whether the starter set is there.
      hours: whether the corpora of --hours are there.
      times: factor of the steps.
    """

    title: str
    fields: tuple[str, ...]
    engines: tuple[str, ...] = ()
    folder: str = "voices"
    starter: bool = True
    hours: bool = False
    times: int = 1


ROWS = {
    "espeak": Row("espeak-ng alone, from random values", (RANDOM,), ("--engines=espeak",), "espeak", starter=False),
    "voices": Row("+ voices of all engines", (RANDOM,), starter=False),
    "starter": Row("+ starter set", (RANDOM,)),
    "pretrained": Row("+ `pretrained:tiny` (what people get)", (PRETRAINED,)),
    "warping": Row("+ warping of vocal tract and pitch", (PRETRAINED, *WARPING)),
    "rooms": Row("as people get it, + more rooms, narrow bands and speeds", (PRETRAINED, *ROOMS)),
    "hours": Row("as people get it, + more hours of other speech", (PRETRAINED,), hours=True),
    "long": Row("+ twice the steps, and warping", (PRETRAINED, *WARPING), hours=True, times=2),
}
HOPS_A_CALL = 800
# Steps and shares of a batch: several keywords need more of both than one.
STEPS_TOGETHER = 1500, ("--config.data.mixture.keyword=0.4", "--config.data.mixture.negative=0.5")
STEPS = 600  # of a detector of one word, as in the quickstart
APART = ", apart"
RECORDINGS = "people's recordings"
TOGETHER = "together"  # folder of the words' voices, and of their detectors


def main() -> None:
    parser = argparse.ArgumentParser(description="Misses of real people by detectors of synthesised keywords.")
    parser.add_argument("--corpus", required=True, help="corpus with a test split alone")
    parser.add_argument("--out", default="runs/typed", type=Path)
    parser.add_argument("--words", default=WORDS)
    parser.add_argument("--rows", default=",".join(name for name, row in ROWS.items() if not row.hours))
    parser.add_argument("--hours", default="", help="more corpora without the words, for the rows `hours` and `long`")
    parser.add_argument("--apart", action="store_true", help="a detector for each word")
    parser.add_argument("--minutes", type=int, default=48, help="of synthesised speech")
    parser.add_argument("--count", type=int, default=300, help="synthesised recordings of each word")
    arguments = parser.parse_args()
    words, rows = parse_keywords(arguments.words), arguments.rows.split(",")
    if unknown := set(rows) - set(ROWS):
        parser.error(f"--rows: {', '.join(sorted(unknown))}; expected some of {', '.join(ROWS)}")
    if not arguments.hours and (needing := [row for row in rows if ROWS[row].hours]):
        parser.error(f"--hours: expected corpora for the rows {', '.join(needing)}")
    table = arguments.out / "table.json"
    groups = [(word,) for word in words] if arguments.apart else [words]
    titles = {row: row + APART if arguments.apart else row for row in rows}
    for row, title in titles.items():
        corpora = corpora_of(arguments, ROWS[row])
        workdirs = [train(arguments.out, row, group, corpora) for group in groups]
        if title not in read_rows(table):
            figures_of_words = misses(workdirs, arguments.corpus, words)
            measured = {**read_rows(table), title: figures_of_words}  # read again: another process may have added a row
            table.write_text(json.dumps({**about(), "words": words, "rows": measured}, indent=1))
    measured = read_rows(table)
    print(markdown(measured), *(markdown_of_row(measured[title]) for title in titles.values()), sep="\n\n")


def read_rows(table: Path) -> dict:
    return json.loads(table.read_text())["rows"] if table.is_file() else {}


def corpora_of(arguments: argparse.Namespace, row: Row) -> str:
    """Synthesises all words by the engines of a row, unless they are there; with the other corpora of the row."""
    voices = arguments.out / TOGETHER / row.folder
    count = ("--minutes", str(arguments.minutes), "--count", str(arguments.count))
    command("prepare", "--synthesize", arguments.words, *count, *row.engines, f"--out={voices}")
    return f"{voices},{arguments.hours}" if row.hours else str(voices)


def train(out: Path, name: str, group: tuple[str, ...], corpora: str) -> Path:
    """Trains the detector of a group of words, unless it is there."""
    row, alone = ROWS[name], len(group) == 1
    steps, shares = (STEPS, ()) if alone else STEPS_TOGETHER
    steps *= row.times
    workdir = out / (folder_name(group[0]) if alone else TOGETHER) / name
    if steps not in saved_steps(workdir):
        data = (f"--config.data.corpus={corpora}", f"--config.data.starter={row.starter}", f"--config.steps={steps}")
        fields = (f"--config.keyword={','.join(group)}", *data, *shares, *row.fields)
        command("train", "--config=configs/finetune.py:quickstart", f"--workdir={workdir}", *fields)
    return workdir


def command(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", f"s3rl_jax.{module}", *arguments], check=True)


def misses(workdirs: list[Path], corpus: str, words: tuple[str, ...]) -> dict:
    """Word -> condition -> misses at each rate of false accepts, with intervals."""
    clips = read_corpus(corpus, "test")
    streams, _ = open_conditions(clips, words, CONDITIONS)
    detectors = [open_detector(str(workdir), "--out") for workdir in workdirs]
    scorers = [stream_scorer(detector.model, detector.params, HOPS_A_CALL) for detector in detectors]
    results: dict = {word: {} for word in words}
    for condition, make_stream in streams.items():
        stream = make_stream()
        for detector, score in zip(detectors, scorers, strict=True):
            posteriors = score(stream.audio)
            for place, word in enumerate(detector.keywords):
                results[word][condition] = figures(stream, word, posteriors[:, place + 1], detector.model)
    return results


def figures(stream: Stream, word: str, posteriors: np.ndarray, model) -> dict:
    """Misses of one word, at thresholds that all other recordings of the stream allow."""
    bounds = [(clip.speech_start, clip.speech_stop) for clip in stream.words if label_class(clip.label, True, (word,)) == 1]
    curve = det_curve(trial_of_words(posteriors, bounds, model.hop, model.firing))
    points = {f"{rate:g}": operating_point(curve, rate) for rate in RATES}
    return {
        RECORDINGS: curve.words,
        "hours": round(curve.hours, 2),
        "frr": {rate: round(point.frr, 4) for rate, point in points.items()},
        "interval_95": {rate: [round(end, 4) for end in point.frr_interval] for rate, point in points.items()},
    }


def markdown(measured: dict) -> str:
    """Misses in %, in clean sound and in noise at 10, 5 and 0 dB: the mean over the words, then each word at the first rate."""
    words = list(next(iter(measured.values())))
    header = ["mean at 1 an hour", "at 10 an hour", *words]
    lines = [f"| false rejects, % | {' | '.join(header)} |", "| --- " * (1 + len(header)) + "|"]
    for row, results in measured.items():
        means = [[np.mean([results[word][c]["frr"][f"{rate:g}"] for word in words]) for c in CONDITIONS] for rate in RATES]
        each = [[results[word][c]["frr"]["1"] for c in CONDITIONS] for word in words]
        cells = [", ".join(f"{100 * value:.0f}" for value in cell) for cell in (*means, *each)]
        title = ROWS[row.removesuffix(APART)].title + (", a detector for each word" if row.endswith(APART) else "")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def markdown_of_row(results: dict) -> str:
    """Misses of each word in %, with the interval, at each rate and in each condition of a row."""
    lines = [f"| word | recordings | an hour | {' | '.join(CONDITIONS)} |", "| --- " * (3 + len(CONDITIONS)) + "|"]
    for word, cells in results.items():
        for rate in (f"{rate:g}" for rate in RATES):
            texts = [_with_interval(cells[condition], rate) for condition in CONDITIONS]
            lines.append(f"| {word} | {cells[CONDITIONS[0]][RECORDINGS]} | {rate} | {' | '.join(texts)} |")
    return "\n".join(lines)


def _with_interval(cell: dict, rate: str) -> str:
    low, high = (100 * end for end in cell["interval_95"][rate])
    return f"{100 * cell['frr'][rate]:.1f} [{low:.1f}-{high:.1f}]"


if __name__ == "__main__":
    main()
