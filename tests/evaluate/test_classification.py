"""Speech Commands' tasks on a folder of the same layout: standard splits, silence and other words."""

import csv
import json
import typing
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow_datasets as tfds
from sklearn import metrics

from benchmarks.speech_commands.accuracy import of_folders, of_manifest, of_tfds, score
from configs import finetune as config_file
from s3rl_jax.batches.windows import Windows
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.keywords import SILENCE, parse_keywords
from s3rl_jax.evaluate.classification import standard_set
from s3rl_jax.evaluate.evaluation import evaluate
from s3rl_jax.prepare.preparation import Options, prepare, prepare_shards
from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.prepare.sources.tfds_sets import tfds_inputs
from tests.conftest import run_module, tone_word

WORDS = {"yes": 3000, "no": 1500, "up": 700, "bed": 300}


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> str:
    """A folder a word, the two lists, background noise."""
    root, rng = tmp_path_factory.mktemp("speech_commands"), np.random.default_rng(0)
    lists = {"testing_list.txt": [], "validation_list.txt": []}
    for word, pitch in WORDS.items():
        (root / word).mkdir()
        for i in range(18):
            name = f"{word}/{i:08x}_nohash_0.wav"
            tone = tone_word(rng, "banana", 12_000) * np.sin(2 * np.pi * pitch * np.arange(12_000) / 16_000)
            soundfile.write(root / name, tone.astype(np.float32), 16_000, subtype="PCM_16")
            if i < 6:
                lists["testing_list.txt" if i < 5 else "validation_list.txt"].append(name)
    for name, lines in lists.items():
        (root / name).write_text("\n".join(lines) + "\n")
    (root / "_background_noise_").mkdir()
    for i in range(4):
        noise = 0.02 * rng.standard_normal(64_000)
        soundfile.write(root / f"_background_noise_/{i}.wav", noise, 16_000, subtype="PCM_16")
    prepare(read_source(str(root)), str(root / "corpus"))
    return str(root / "corpus")


def train(variant: str, corpus: str, keyword: str, workdir) -> None:
    done = run_module(
        "train",
        f"--config=configs/finetune.py:{variant}",
        f"--workdir={workdir}",
        f"--config.data.corpus={corpus}",
        f"--config.keyword={keyword}",
        "--config.student.size=toy",
        "--config.batch_size=24",
        "--config.steps=250",
        "--config.optimizer.learning_rate=0.01",
        "--config.augment.snr_db=(15.0,30.0)",
        "--config.preflight=False",
    )
    assert done.returncode == 0, done.stderr


TASKS = {
    "speech_commands_12": ("yes,no,_silence_", ["_unknown_", "yes", "no", "_silence_"]),
    "speech_commands_35": ("yes,no,up,bed", ["yes", "no", "up", "bed"]),
}


@pytest.fixture(scope="module")
def workdirs(commands, tmp_path_factory) -> dict[str, str]:
    """A detector for each task."""
    root = tmp_path_factory.mktemp("runs")
    for variant, (keyword, _) in TASKS.items():
        train(variant, commands, keyword, root / variant)
    return {variant: str(root / variant) for variant in TASKS}


@pytest.mark.parametrize("variant", TASKS)
def test_trained_and_measured_by_its_standard_split(commands, workdirs, tmp_path, variant):
    classes = TASKS[variant][1]
    measured = evaluate(workdirs[variant], commands, "test", str(tmp_path / "report"))
    assert measured == json.loads((tmp_path / "report/metrics.json").read_text())
    assert measured["classes"] == classes
    matrix = np.array(measured["confusion_matrix"])
    assert matrix.sum() == measured["clips"]
    assert measured["accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum(), abs=1e-5)
    said, heard = (np.repeat(index.ravel(), matrix.ravel()) for index in np.indices(matrix.shape))
    assert measured["accuracy"] == pytest.approx(metrics.accuracy_score(said, heard), abs=1e-5)
    assert list(measured["recall"].values()) == pytest.approx(
        metrics.recall_score(said, heard, average=None).tolist(), abs=1e-5
    )
    low, high = measured["accuracy_interval_95"]
    assert low < measured["accuracy"] <= high + 1e-9
    assert measured["accuracy"] > 0.75, "tones of four pitches are easy"
    assert (tmp_path / "report/confusion.csv").read_text().splitlines()[0] == "," + ",".join(classes)
    with pytest.raises(UserError, match="--baseline and --conditions are for streams"):
        evaluate(workdirs[variant], commands, "test", str(tmp_path / "report"), ("clean",))


def standard_rows(commands: str) -> list[tuple[Path, str]]:
    """Recordings of the test split and their labels, with _silence_ and _unknown_ as in the set that comes with the archive."""
    root = Path(commands).parent
    names = (root / "testing_list.txt").read_text().split()
    rows = [(root / name, name.split("/")[0] if name.split("/")[0] in ("yes", "no") else "_unknown_") for name in names]
    return [*rows, *((path, "_silence_") for path in sorted((root / "_background_noise_").glob("*.wav")))]


class StandardTest(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A test set with the features of TFDS's own."""

    VERSION = tfds.core.Version("0.0.3")
    name = "speech_commands"
    rows: typing.ClassVar[list[tuple[Path, str]]] = []

    def _info(self):
        label = tfds.features.ClassLabel(names=["yes", "no", "_silence_", "_unknown_"])
        features = {"audio": tfds.features.Audio(file_format="wav", sample_rate=16_000), "label": label}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"test": self._generate_examples()}

    def _generate_examples(self):
        for number, (path, label) in enumerate(self.rows):
            yield number, {"audio": soundfile.read(path, dtype="int16")[0].astype(np.int64), "label": label}


def test_an_independent_script_computes_the_same_accuracy_for_each_layout(commands, workdirs, tmp_path):
    workdir, root, words, rows = workdirs["speech_commands_12"], Path(commands).parent, ["yes", "no"], standard_rows(commands)
    with open(root / "manifest.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "split", "kind", "label"])
        for path, label in rows:
            writer.writerow([path.relative_to(root), "test", "noise" if label == "_silence_" else "speech", label])
    prepare(read_source(str(root / "manifest.csv")), str(tmp_path / "manifest"))
    StandardTest.rows = rows
    StandardTest(data_dir=tmp_path / "sets").download_and_prepare()
    prepare_shards(tfds_inputs("speech_commands", str(tmp_path / "sets")), str(tmp_path / "tfds"), Options())
    layouts = {
        commands: of_folders(words),
        str(tmp_path / "manifest"): of_manifest(root / "manifest.csv", words),
        str(tmp_path / "tfds"): of_tfds(str(tmp_path / "sets"), words),
    }
    counts = []
    for corpus, truth in layouts.items():
        measured = evaluate(workdir, corpus, "test", str(tmp_path / "report"))
        correct, count = score(tmp_path / "report/predictions.csv", truth)
        assert (correct, count) == (np.trace(measured["confusion_matrix"]), measured["clips"])
        assert 0 < correct <= count
        counts.append(count)
    assert counts == [12, len(rows), len(rows)], "other words and silence are drawn, or all used where they are labelled"


def test_the_standard_set_is_all_words_and_a_tenth_of_the_rest(commands):
    clips = read_corpus(commands, "test")
    _, audio, said = standard_set(clips, ("yes", "no", SILENCE), 16_000, has_others=True)
    assert audio.shape == (len(said), 16_000)
    assert np.bincount(said).tolist() == [1, 5, 5, 1], "other words, yes, no, silence"
    _, again, _ = standard_set(clips, ("yes", "no", SILENCE), 16_000, has_others=True)
    np.testing.assert_array_equal(audio, again)
    with pytest.raises(UserError, match="no recording of zorro"):
        standard_set(clips, ("yes", "zorro"), 16_000, has_others=False)


def test_batches_have_the_shares_of_the_classes(commands):
    config = config_file.get_config("speech_commands_12")
    clips = read_corpus(commands, "train")
    windows = Windows.of(clips, ("yes", "no", SILENCE), 16_000, 1200, 0, config.data)
    plan = windows.plan(0, range(1200))
    counts = np.bincount(plan["label"], minlength=4)
    assert counts[0] == pytest.approx(100, abs=2)
    assert counts[3] == pytest.approx(100, abs=2)
    assert (clips.columns["kind"][plan["pieces"].recording[plan["label"] == 3, 0]] == "noise").all()


def test_the_configs_are_the_two_tasks():
    twelve, all_words = (config_file.get_config(f"speech_commands_{n}") for n in (12, 35))
    assert len(parse_keywords(twelve.keyword)) + 1 == 12
    assert len(parse_keywords(all_words.keyword)) == len(set(parse_keywords(all_words.keyword))) == 35
