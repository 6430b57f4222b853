"""Public sets as their archives unpack, and as TFDS prepares them: small ones of the same layout."""

import numpy as np
import pytest
import soundfile
import tensorflow_datasets as tfds

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.prepare.preparation import Options, prepare_shards
from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.prepare.sources.tfds_sets import tfds_inputs
from tests.conftest import run_module


def write(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, rng.uniform(-0.1, 0.1, 1600), 16_000)


def test_speech_commands_keeps_its_standard_splits(tmp_path, rng):
    for name in ("yes/a1_nohash_0.wav", "yes/b2_nohash_0.wav", "no/a1_nohash_1.wav", "no/c3_nohash_0.wav"):
        write(tmp_path / name, rng)
    for name in ("pink", "tap", "wind"):
        write(tmp_path / "_background_noise_" / f"{name}.wav", rng)
    (tmp_path / "validation_list.txt").write_text("yes/b2_nohash_0.wav\n")
    (tmp_path / "testing_list.txt").write_text("no/c3_nohash_0.wav\n")
    found = {(c.path.parent.name, c.speaker): (c.split, c.label) for c in read_source(str(tmp_path)) if c.kind == "speech"}
    assert found == {
        ("yes", "a1"): ("train", "yes"),
        ("no", "a1"): ("train", "no"),
        ("yes", "b2"): ("validation", "yes"),
        ("no", "c3"): ("test", "no"),
    }
    noise = [clip.split for clip in read_source(str(tmp_path)) if clip.kind == "noise"]
    assert noise == ["train", "validation", "test"]


def test_librispeech_brings_speakers_and_words(tmp_path, rng):
    for subset, speaker in (("train-clean-100", "19"), ("dev-clean", "84"), ("test-other", "367")):
        folder = tmp_path / "LibriSpeech" / subset / speaker / "198"
        write(folder / f"{speaker}-198-0000.flac", rng)
        text = f"{speaker}-198-0000 NORTHANGER ABBEY\n{speaker}-198-0001 NO FILE\n../{speaker}-198-0000 OUT\n"
        (folder / f"{speaker}-198.trans.txt").write_text(text)
    clips = read_source(str(tmp_path / "LibriSpeech"))
    assert [(c.split, c.speaker, c.label) for c in clips] == [
        ("validation", "84", "northanger abbey"),
        ("test", "367", "northanger abbey"),
        ("train", "19", "northanger abbey"),
    ]


def test_a_subset_behind_a_link_is_read_inside_the_set_and_listed_outside(tmp_path, rng):
    root, outside = tmp_path / "LibriSpeech", tmp_path / "elsewhere"
    for folder, name in ((root / "store/19/198", "19-198"), (root / "dev-clean/84/121", "84-121"), (outside / "7/3", "7-3")):
        write(folder / f"{name}-0000.flac", rng)
        (folder / f"{name}.trans.txt").write_text(f"{name}-0000 A WORD\n")
    (root / "train-clean-100").symlink_to("store")
    (root / "test-clean").symlink_to(outside)
    rows = read_source(str(root))
    assert {row.path.name: row.problem for row in rows if row.problem} == {
        "test-clean": "a link to a folder outside the source"
    }
    assert {(row.split, row.path.name) for row in rows if not row.problem} == {
        ("train", "19-198-0000.flac"),
        ("validation", "84-121-0000.flac"),
    }


def test_musan_and_rirs_are_noise_and_rooms(tmp_path, rng):
    for name in ("musan/music/fma/a.wav", "musan/noise/free-sound/b.wav", "musan/speech/us-gov/c.wav"):
        write(tmp_path / name, rng)
    for name in ("RIRS_NOISES/simulated_rirs/smallroom/Room001/d.wav", "RIRS_NOISES/pointsource_noises/e.wav"):
        write(tmp_path / name, rng)
    kinds = {clip.path.name: clip.kind for clip in read_source(str(tmp_path))}
    wanted = {"a.wav": "noise", "b.wav": "noise", "c.wav": "speech", "d.wav": "impulse_response", "e.wav": "noise"}
    assert kinds == wanted


class SpeechCommands(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """The features of TFDS's own."""

    VERSION = tfds.core.Version("0.0.3")
    name = "speech_commands"

    def _info(self):
        features = {
            "audio": tfds.features.Audio(file_format="wav", sample_rate=16_000),
            "label": tfds.features.ClassLabel(names=["yes", "no", "_silence_", "_unknown_"]),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(name) for name in ("train", "validation", "test")}

    def _generate_examples(self, split):
        for i, label in enumerate(("yes", "no", "_silence_", "_unknown_", "yes")):
            yield i, {"audio": np.arange(1000 + i, dtype=np.int64), "label": label}


@pytest.fixture(scope="module")
def tfds_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    SpeechCommands(data_dir=folder).download_and_prepare()
    return str(folder)


def test_a_set_that_tfds_prepared_is_read_as_it_is(tfds_dir, tmp_path):
    summary = prepare_shards(tfds_inputs("speech_commands", tfds_dir), str(tmp_path), Options())
    assert {(row["split"], row["kind"]): row["clips"] for row in summary["splits"]} == {
        (split, kind): count for split in ("train", "validation", "test") for kind, count in (("speech", 4), ("noise", 1))
    }
    clips = read_corpus(str(tmp_path), "train")
    assert sorted(clips.columns["label"].tolist()) == ["_silence_", "_unknown_", "no", "yes", "yes"]
    for row in range(len(clips)):
        np.testing.assert_array_equal(clips.audio(row), np.arange(clips.columns["samples"][row]))


def test_a_set_that_is_not_there_is_said_at_once_with_what_to_do(tmp_path):
    done = run_module("prepare", "--source=tfds:librispeech", f"--tfds_dir={tmp_path}", f"--out={tmp_path}/out")
    assert done.returncode == 2
    assert "tfds build librispeech" in done.stderr
    assert "unpack the set's own archive" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_set_of_another_rate_or_without_audio_is_refused(tmp_path):
    class Other(SpeechCommands, skip_registration=True):
        name = "other"

        def _info(self):
            features = {"audio": tfds.features.Audio(sample_rate=8000), "label": tfds.features.Text()}
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    Other(data_dir=tmp_path).download_and_prepare()
    with pytest.raises(UserError, match="audio at 8000 Hz"):
        tfds_inputs("other", str(tmp_path))
