"""A linear probe of each layer of a teacher and of students: which words of Speech Commands their frames tell apart.

    python -m benchmarks.speech_commands.probe --audio=AUDIO --teacher=TEACHER --out=runs/commands [--students=tiny,small,conv]

The frames of a layer are averaged over a recording of a second. A logistic regression on the standardised means learns nine
words from some 500 recordings each, and is tested on the nine words of the standard test set. The model stays as it is.
`random` is a student of the size of tiny with random values; layer 0 of the teacher is the input of its first layer; `log-mel`
is the input of the students. Prints a table; OUT/probe.json has the figures.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int16
from ml_collections import ConfigDict
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.measuring import about
from benchmarks.speech_commands.corpora import NINE, few_corpus
from s3rl_jax.audio.logmel import to_float
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.evaluate.classification import StandardSet, standard_set
from s3rl_jax.evaluate.intervals import wilson
from s3rl_jax.models.detector import student_features
from s3rl_jax.models.student.convolutional import SeparableConvolution
from s3rl_jax.models.student.registry import build_student, initialise, variables
from s3rl_jax.models.student.transformer import Layer
from s3rl_jax.models.teacher.targets import TargetSelection, teacher_targets
from s3rl_jax.pretrained.student_file import load
from s3rl_jax.teachers.load import load_teacher

BATCH = 64
RANDOM = ConfigDict({"size": "tiny", "streaming": True})
Means = Callable[[Float[Array, "batch samples"]], dict[str, Float[Array, "batch width"]]]  # of each layer over a recording


def main() -> None:
    parser = argparse.ArgumentParser(description="A linear probe of each layer.")
    parser.add_argument("--audio", required=True, type=Path, help="a folder with manifest.csv")
    parser.add_argument("--teacher", required=True, help="as config.teacher.source")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--students", default="tiny,small,conv")
    arguments = parser.parse_args()
    corpus = few_corpus(arguments.audio, arguments.out / "real" / "corpus")
    train, test = (standard_set(read_corpus(corpus, s), NINE, SAMPLE_RATE, has_others=False) for s in ("train", "test"))
    models = {"teacher": teacher_means(arguments.teacher), "random": student_means(RANDOM, None)}
    for name in arguments.students.split(","):
        pretrained = load(name)
        models[name] = student_means(ConfigDict(pretrained.card["student"]), pretrained.params)
    measured: dict[str, dict] = {}
    for name, means in models.items():
        learned, heard = means_of(means, train.audio), means_of(means, test.audio)
        measured[name] = {layer: probe(learned[layer], train, heard[layer], test) for layer in learned}
        print(row(name, measured[name]), flush=True)
    (arguments.out / "probe.json").write_text(json.dumps({**about(), "words": NINE, "models": measured}, indent=1))


def teacher_means(source: str) -> Means:
    """Means of the teacher's hidden states."""
    teacher = load_teacher(source, "float32")
    layers = TargetSelection(layers=tuple(range(teacher.config.layers + 1)), means=True)

    def means(audio: Float[Array, "batch samples"]) -> dict[str, Float[Array, "batch width"]]:
        lengths = np.full(len(audio), audio.shape[1], np.int32)
        states = teacher_targets(teacher, layers, audio, lengths)["means"]
        return {str(layer): states[:, layer] for layer in layers.layers}

    return means


def student_means(settings: ConfigDict, params: dict[str, Any] | None) -> Means:
    """Means of the outputs of a student's layers, and of its input."""
    student = build_student(settings)
    params = params or initialise(student, jax.random.key(0))
    is_layer = lambda module, _: isinstance(module, (Layer, SeparableConvolution))  # noqa: E731

    def means(audio: Float[Array, "batch samples"]) -> dict[str, Float[Array, "batch width"]]:
        frames = student_features(audio, student.front_end)
        output, captured = student.apply(variables(params), frames, capture_intermediates=is_layer, mutable=["intermediates"])
        layers = [outputs["__call__"][0][0] for _, outputs in sorted(captured["intermediates"].items())]
        named = {str(place): layer for place, layer in enumerate(layers, start=1)}
        return {name: frames.mean(axis=1) for name, frames in {"log-mel": frames, **named, "output": output}.items()}

    return means


def means_of(means: Means, audio: Int16[np.ndarray, "clips samples"]) -> dict[str, Float[np.ndarray, "clips width"]]:
    """The means of all recordings, in batches; the last batch is padded, so that one program serves all."""
    compiled = jax.jit(lambda batch: means(to_float(batch)))
    batches = [jax.device_get(compiled(batch)) for batch in _batches(audio)]
    return {layer: np.concatenate([batch[layer] for batch in batches])[: len(audio)] for layer in batches[0]}


def probe(
    learned: Float[np.ndarray, "train width"], train: StandardSet, heard: Float[np.ndarray, "test width"], test: StandardSet
) -> dict:
    """Accuracy of a logistic regression on the test set, with its interval."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)).fit(learned, train.labels)
    correct = int((classifier.predict(heard) == test.labels).sum())
    interval = [round(end, 4) for end in wilson(correct, len(test.labels))]
    return {"accuracy": round(correct / len(test.labels), 4), "interval_95": interval, "width": learned.shape[1]}


def row(name: str, layers: dict[str, dict]) -> str:
    """One line of the table."""
    return f"| {name} | " + ", ".join(f"{layer}: {100 * figures['accuracy']:.1f}" for layer, figures in layers.items()) + " |"


def _batches(audio: Int16[np.ndarray, "clips samples"]) -> Iterator[Int16[np.ndarray, "batch samples"]]:
    for first in range(0, len(audio), BATCH):
        batch = audio[first : first + BATCH]
        yield np.pad(batch, ((0, BATCH - len(batch)), (0, 0)))


if __name__ == "__main__":
    main()
