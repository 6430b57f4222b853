import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tensorflow_datasets as tfds

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import has_speech, read_corpus
from s3rl_jax.prepare.preparation import prepare
from s3rl_jax.prepare.recordings import speech_bounds
from s3rl_jax.prepare.sources.recognise import read_source


def test_every_record_is_what_the_file_holds(source, corpus):
    clips = read_corpus(corpus, "test")
    assert len(clips) == 6 * 2 + 4 + 1
    for row in range(len(clips)):
        wanted, _ = soundfile.read(source / clips.columns["id"][row], dtype="int16")
        np.testing.assert_array_equal(clips.audio(row), wanted)
        assert clips.columns["samples"][row] == len(wanted)


def test_speech_bounds_are_found_where_the_manifest_has_none(corpus):
    clips = read_corpus(corpus, "train")
    for row in clips.rows(clips.columns["label"] == "alexa"):
        start, end = clips.columns["speech_start"][row], clips.columns["speech_end"][row]
        lead = (clips.columns["samples"][row] - 9600) // 2
        assert lead <= start <= lead + 2400, "after the silence that leads"
        assert lead + 7200 <= end <= lead + 9600 + 320


def test_an_impulse_response_begins_with_the_direct_sound(corpus):
    clips = read_corpus(corpus, "train")
    (row,) = clips.rows(clips.columns["kind"] == "impulse_response")
    audio = clips.audio(row)
    assert len(audio) == 2001
    assert np.abs(audio).argmax() == 0


def test_any_tfds_user_can_read_it_at_random_and_through_tf_data(corpus):
    builder = tfds.builder_from_directory(f"{corpus}/corpus/2.0.0")
    assert builder.info.splits["test"].num_examples == 17
    clips, records = read_corpus(corpus, "test"), builder.as_data_source(split="test")
    features = builder.info.features.get_tensor_spec()
    examples = list(tf.data.Dataset.from_generator(lambda: records, output_signature=features).as_numpy_iterator())
    assert len(examples) == len(clips)
    for row, example in enumerate(examples):
        for stored in (example["audio"], records[row]["audio"]):
            assert stored.dtype == np.int16
            np.testing.assert_array_equal(stored, clips.audio(row))
        assert example["label"].decode() == clips.columns["label"][row]


def test_several_splits_and_corpora_are_one(corpus):
    both = read_corpus(f"{corpus},{corpus}", "validation+test")
    single = read_corpus(corpus, "validation")
    assert len(both) == 2 * (len(single) + 17)
    np.testing.assert_array_equal(both.audio(len(single) + 17 + 2), single.audio(2))
    assert both.columns["corpus"].tolist() == [0] * (len(both) // 2) + [1] * (len(both) // 2)


@pytest.mark.parametrize(
    ("path", "split", "named"), [("nowhere", "test", "nowhere"), ("", "test", "empty"), (None, "dev", "'dev'")]
)
def test_a_missing_corpus_or_split_is_named(corpus, path, split, named):
    with pytest.raises(UserError, match="--corpus") as error:
        read_corpus(corpus if path is None else path, split)
    assert named in str(error.value)


def test_bad_files_are_skipped_counted_and_listed(tmp_path, rng):
    good = tmp_path / "source" / "word"
    good.mkdir(parents=True)
    soundfile.write(good / "good.wav", rng.uniform(-0.1, 0.1, 4000), 16_000)
    soundfile.write(good / "nan.wav", np.full(100, np.nan), 16_000, subtype="FLOAT")
    (good / "empty.wav").write_bytes(b"")
    (good / "cut.flac").write_bytes(b"fLaC\x00\x00")
    summary = prepare(read_source(str(tmp_path / "source")), str(tmp_path / "out"))
    assert summary["rejected"] == 3
    assert sum(row["clips"] for row in summary["splits"]) == 1
    listed = (tmp_path / "out/corpus/2.0.0/rejected.csv").read_text()
    assert all(name in listed for name in ("nan.wav", "empty.wav", "cut.flac"))
    assert "good.wav" not in listed


def test_nothing_readable_is_an_error_and_an_old_corpus_is_not_overwritten(tmp_path, source, corpus):
    (tmp_path / "a.wav").write_bytes(b"nothing")
    with pytest.raises(UserError, match="none of the 1 files"):
        prepare(read_source(str(tmp_path)), str(tmp_path / "out"))
    before = (Path(corpus) / "corpus/2.0.0/summary.json").read_bytes()
    with pytest.raises(UserError, match="--out"):
        prepare(read_source(str(source))[1:], corpus)
    assert (Path(corpus) / "corpus/2.0.0/summary.json").read_bytes() == before
    assert json.loads(before)["splits"]


def test_bounds_of_silence_and_of_the_shortest_clips():
    assert speech_bounds(np.zeros(1000, np.int16)) == (0, 960)
    assert speech_bounds(np.ones(10, np.int16)) == (0, 10)


def test_which_splits_have_speech(corpus):
    assert has_speech(corpus, "validation")
    assert has_speech(f"{corpus}, {corpus}", "train")
    assert not has_speech(corpus, "dev")
