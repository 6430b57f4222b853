"""The corpora of the benchmark, from a manifest of recordings with the standard test set of Speech Commands."""

import dataclasses
from pathlib import Path

from s3rl_jax.corpus.keywords import SILENCE, UNKNOWN
from s3rl_jax.prepare.preparation import prepare
from s3rl_jax.prepare.sources.manifest import ManifestRow, read_manifest

TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
NINE = ("down", "eight", "five", "go", "left", "one", "right", "up", "zero")  # words with some 500 recordings in train
TEST_SET = "gsc_testset"  # folder of the standard test set
# Folders of the recordings for training: Speech Commands, other English speech, noise. Not FSDD, whose digits are words here.
TRAINING = {
    *("gsc_anshul", "gsc_anrose", "gsc_vinsis", "gsc_wids", "gsc_background"),
    *("librispeech", "mycroft", "picovoice_ww", "noise", "noisekun", "esc10"),
}


def few_corpus(audio: Path, folder: Path) -> str:
    """Trains on the nine words and other speech and noise; tests on the standard test set.

    Of the test set: the nine words, the others of its 25 other words, and silence. The remaining commands are left out.
    """
    rows = read_manifest(audio / "manifest.csv")
    prepare([*training(rows, ()), *standard_test(rows, NINE)], str(folder))
    return str(folder)


def other_corpus(audio: Path, folder: Path) -> str:
    """Trains on speech without the ten words, and on noise; tests on the standard test set with its ten words."""
    rows = read_manifest(audio / "manifest.csv")
    prepare([*training(rows, TEN), *standard_test(rows, TEN)], str(folder))
    return str(folder)


def training(rows: list[ManifestRow], without: tuple[str, ...]) -> list[ManifestRow]:
    """The train split of the folders for training, without recordings of some words."""
    return [row for row in rows if row.split == "train" and TRAINING & set(row.path.parts) and row.label not in without]


def standard_test(rows: list[ManifestRow], words: tuple[str, ...]) -> list[ManifestRow]:
    """The standard test set, labelled as it comes: words, _unknown_ and _silence_. Commands not in `words` are left out."""
    dropped = set(TEN) - set(words)
    test = [row for row in rows if TEST_SET in row.path.parts and row.label not in dropped]
    return [dataclasses.replace(row, label=standard_label(row, words)) for row in test]


def standard_label(row: ManifestRow, words: tuple[str, ...]) -> str:
    """The label of a recording in the standard test set."""
    if row.kind == "noise":
        return SILENCE
    return row.label if row.label in words else UNKNOWN
