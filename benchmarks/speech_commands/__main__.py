"""Accuracy on the standard test set of Speech Commands, by the number of real or synthesised recordings of each word.

    python -m benchmarks.speech_commands --audio=AUDIO --out=runs/commands [--set=real] [--rows=tiny,tiny-frozen]
        [--counts=1,5,10,25,50,100,250,500] [--draws=3]

AUDIO has a manifest.csv with the standard test set, and some 500 recordings each of nine of its words. `--set=real`: of each
of the nine words COUNT real recordings, drawn DRAWS times; the test has the nine words, other words and silence.
`--set=synthesised`: of each of the ten commands COUNT recordings by synthesisers; the test is the standard one, of people. All
rows have the same other speech and noise. A row is a student, from random values or as it comes with the package, trained or
frozen. All students here are streaming ones, and classify the whole second: they begin in silence, and the mean of the outputs
over the second is scored at its end. Finished runs are not repeated. Prints a table; OUT/results.json has the figures,
OUT/curves.svg draws them.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
from ml_collections import ConfigDict

from benchmarks.measuring import about
from benchmarks.speech_commands.corpora import NINE, TEN, few_corpus, other_corpus
from benchmarks.speech_commands.curves import markdown, plot
from configs import finetune
from s3rl_jax.corpus.keywords import SILENCE
from s3rl_jax.evaluate.evaluation import evaluate
from s3rl_jax.train.run import run

ROWS = {  # init, size and encoder of the student
    "tiny-random": ("", "tiny", "trained"),
    "tiny": ("pretrained:tiny", "", "trained"),
    "tiny-frozen": ("pretrained:tiny", "", "cached"),
    "conv": ("pretrained:conv", "", "trained"),
    "conv-frozen": ("pretrained:conv", "", "cached"),
    "small": ("pretrained:small", "", "trained"),
    "small-frozen": ("pretrained:small", "", "cached"),
}
WORDS = {"real": NINE, "synthesised": TEN}
STEPS = 500
TRAIN_SHARE = 0.6  # of the recordings of a keyword that a synthesised corpus has for training


class Cell(NamedTuple):
    """One training: the recordings of each word, the row, and the number of the draw."""

    count: int
    row: str
    draw: int

    @property
    def name(self) -> str:
        return f"{self.row}-{self.count}-{self.draw}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy on the standard test set of Speech Commands.")
    parser.add_argument("--audio", required=True, type=Path, help="a folder with manifest.csv")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--set", default="real", choices=list(WORDS))
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--counts", default="1,5,10,25,50,100,250,500", help="recordings of each word")
    parser.add_argument("--draws", type=int, default=3)
    arguments = parser.parse_args()
    counts, rows = [int(count) for count in arguments.counts.split(",")], arguments.rows.split(",")
    if unknown := set(rows) - set(ROWS):
        parser.error(f"--rows: {', '.join(sorted(unknown))}; expected some of {', '.join(ROWS)}")
    folder = arguments.out / arguments.set
    corpora = corpora_of(arguments.set, arguments.audio, arguments.out, max(counts))
    results = folder / "results.json"
    measured = json.loads(results.read_text())["cells"] if results.is_file() else {}
    for cell in (Cell(count, row, draw) for draw in range(arguments.draws) for count in counts for row in rows):
        if cell.name not in measured:
            measured[cell.name] = cell._asdict() | train_and_classify(cell, corpora, WORDS[arguments.set], folder)
            results.write_text(json.dumps({**about(), "set": arguments.set, "cells": measured}, indent=1))
            jax.clear_caches()
    print(markdown(list(measured.values())))
    plot(list(measured.values()), folder / "curves.svg")


def corpora_of(name: str, audio: Path, out: Path, most: int) -> list[str]:
    """The corpora of training: the first has the words, the last has the test set."""
    if name == "real":
        return [few_corpus(audio, out / "real" / "corpus")]
    spoken, count = out / "synthesised" / "spoken", round(most / TRAIN_SHARE) + 1
    spoken_words = ["--synthesize", ",".join(TEN), f"--count={count}", f"--minutes={count // 2}"]
    subprocess.run([sys.executable, "-m", "s3rl_jax.prepare", *spoken_words, f"--out={spoken}"], check=True)
    return [str(spoken), other_corpus(audio, out / "synthesised" / "other")]


def train_and_classify(cell: Cell, corpora: list[str], words: tuple[str, ...], folder: Path) -> dict:
    """Accuracy, its interval, and the seconds of the training."""
    workdir, begun = folder / cell.name, time.monotonic()
    run(config_of(cell, corpora, words), workdir)
    seconds = round(time.monotonic() - begun, 1)
    measured = evaluate(str(workdir), corpora[-1], "test", str(workdir / "report"))
    print(f"{cell.name}: accuracy {measured['accuracy']:.4f}, {seconds} s", flush=True)
    return {name: measured[name] for name in ("accuracy", "accuracy_interval_95", "clips", "recall")} | {"seconds": seconds}


def config_of(cell: Cell, corpora: list[str], words: tuple[str, ...]) -> ConfigDict:
    """The configuration of a training."""
    config = finetune.get_config("speech_commands_12")
    config.init, config.student.size, config.encoder = ROWS[cell.row]
    config.student.streaming = True
    config.keyword = ",".join((*words, SILENCE))
    config.seed, config.data.corpus, config.data.keyword_clips = cell.draw, ",".join(corpora), cell.count
    share = 1 / (len(words) + 2)
    config.data.mixture.update({"keyword": len(words) * share, "negative": share, "noise": share})
    config.steps = config.checkpoint_every = STEPS
    config.log_every, config.preflight = STEPS, False
    if config.encoder == "cached":
        head = finetune.get_config("head")
        config.batch_size, config.spec_augment = head.batch_size, head.spec_augment
        config.optimizer.learning_rate = head.optimizer.learning_rate
    return config


if __name__ == "__main__":
    main()
