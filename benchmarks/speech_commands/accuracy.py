"""Accuracy of a classification, computed apart from `s3rl_jax.evaluate`, from its predictions and the labels of the source.

    python -m benchmarks.speech_commands.accuracy REPORT/predictions.csv --words=yes,no,... --folders
    python -m benchmarks.speech_commands.accuracy REPORT/predictions.csv --words=yes,no,... --manifest=AUDIO/manifest.csv
    python -m benchmarks.speech_commands.accuracy REPORT/predictions.csv --words=yes,no,... --tfds=DATA_DIR

The true word of a recording is its folder, or its label in the manifest, or its label in TFDS. A recording of another word is
_unknown_; one of noise is _silence_. Prints the number of recordings and the accuracy. It imports nothing of s3rl_jax.
"""

import argparse
import csv
from collections.abc import Callable
from pathlib import Path, PurePath

SILENT = ("_silence_", "_background_noise_", "silence")  # labels of what is no speech


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy from predictions and labels.")
    parser.add_argument("predictions", type=Path)
    parser.add_argument("--words", required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--folders", action="store_true", help="the folder of each recording is its word")
    source.add_argument("--manifest", type=Path)
    source.add_argument("--tfds", help="the data_dir of TFDS")
    arguments = parser.parse_args()
    words = arguments.words.split(",")
    if arguments.manifest:
        truth = of_manifest(arguments.manifest, words)
    elif arguments.tfds:
        truth = of_tfds(arguments.tfds, words)
    else:
        truth = of_folders(words)
    correct, count = score(arguments.predictions, truth)
    print(f"{count} recordings, accuracy {correct / count:.5f}")


def score(predictions: Path, truth: Callable[[str], str]) -> tuple[int, int]:
    """Number of predictions that are right, and of all."""
    with open(predictions, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return sum(truth(row["id"]) == row["predicted"] for row in rows), len(rows)


def of_folders(words: list[str]) -> Callable[[str], str]:
    """The folder of a recording, of which the label follows."""
    return lambda name: _label(PurePath(name).parent.name, words)


def of_manifest(manifest: Path, words: list[str]) -> Callable[[str], str]:
    """The label in a manifest, for the path of a recording."""
    with open(manifest, newline="", encoding="utf-8") as file:
        labels = {
            str((manifest.parent / row["path"]).resolve()): "_silence_" if row["kind"] == "noise" else row["label"]
            for row in csv.DictReader(file)
        }
    return lambda name: _label(labels[str((manifest.parent / name).resolve())], words)


def of_tfds(data_dir: str, words: list[str]) -> Callable[[str], str]:
    """The label in TFDS, for `SPLIT/NUMBER`, the place of a recording in a split."""
    import tensorflow_datasets as tfds

    (folder,) = {path.parent for path in Path(data_dir).expanduser().glob("speech_commands/*/dataset_info.json")}
    builder = tfds.builder_from_directory(str(folder))
    names, read = builder.info.features["label"].names, {}

    def truth(name: str) -> str:
        split, number = name.split("/")
        if split not in read:
            dataset = builder.as_dataset(split=split, shuffle_files=False)
            read[split] = [names[int(example["label"])] for example in tfds.as_numpy(dataset)]
        return _label(read[split][int(number)], words)

    return truth


def _label(word: str, words: list[str]) -> str:
    if word in words:
        return word
    return "_silence_" if word in SILENT else "_unknown_"


if __name__ == "__main__":
    main()
