import csv
import json

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.keywords import keyword_labels
from s3rl_jax.prepare.preparation import prepare
from s3rl_jax.prepare.sources.folder import read_folder
from s3rl_jax.prepare.sources.recognise import read_source


def write(root, *rows, header=("path", "split")):
    path = root / "manifest.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_columns_are_read_and_unknown_ones_left(tmp_path):
    header = ("path", "split", "label", "speech_start_s", "speech_end_s", "mood")
    path = write(tmp_path, ("a/b.wav", "test", "alexa", "0.5", "1.25", "gay"), header=header)
    (clip,) = read_source(str(path))
    assert (clip.path, clip.split, clip.kind, clip.label) == (tmp_path / "a/b.wav", "test", "speech", "alexa")
    assert (clip.speech_start_s, clip.speech_end_s) == (0.5, 1.25)
    assert read_source(str(tmp_path)) == [clip], "a folder's own manifest comes first"


@pytest.mark.parametrize(
    ("header", "row", "named"),
    [
        (("path",), ("a.wav",), "split"),
        (("path", "split"), ("a.wav", "dev"), "'dev'"),
        (("path", "split"), ("../a.wav", "test"), "../a.wav"),
        (("path", "split"), ("/etc/passwd", "test"), "/etc/passwd"),
        (("path", "split"), ("", "test"), "line 2"),
        (("path", "split", "kind"), ("a.wav", "test", "music"), "'music'"),
        (("path", "split", "speech_end_s"), ("a.wav", "test", "soon"), "'soon'"),
    ],
)
def test_what_cannot_be_meant_is_named(tmp_path, header, row, named):
    with pytest.raises(UserError, match=r"manifest\.csv") as error:
        read_source(str(write(tmp_path, row, header=header)))
    assert named in str(error.value)


def test_files_that_are_no_manifest(tmp_path):
    (tmp_path / "latin.csv").write_bytes(b"path,split\n\xe9.wav,test\n")
    (tmp_path / "empty.csv").write_text("path,split\n")
    for name, reason in (("latin.csv", "not UTF-8"), ("empty.csv", "no rows"), ("missing.csv", "no such file")):
        with pytest.raises(UserError, match=reason):
            read_source(str(tmp_path / name))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_clips_or_one_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "manifest.csv"
    path.write_bytes(content)
    try:
        clips = read_source(str(path))
    except UserError as error:
        clips, message = [], str(error)
    else:
        message = "manifest.csv"
    assert "manifest.csv" in message
    assert all(clip.path.is_relative_to(path.parent.resolve()) for clip in clips)


def test_folder_names_say_split_kind_and_label(tmp_path):
    for name in ("train/alexa/a.wav", "test/stop/b.flac", "noise/c.wav", "alexa/d.wav", "ignored.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("txt"):
            soundfile.write(tmp_path / name, np.zeros(100), 16_000)
    found = {clip.path.name: clip for clip in read_folder(tmp_path)}
    assert set(found) == {"a.wav", "b.flac", "c.wav", "d.wav"}
    assert (found["a.wav"].split, found["a.wav"].label) == ("train", "alexa")
    assert (found["b.flac"].split, found["b.flac"].label) == ("test", "stop")
    assert (found["c.wav"].kind, found["c.wav"].label) == ("noise", "")
    assert read_folder(tmp_path) == read_folder(tmp_path)


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no audio"):
        read_source(str(tmp_path))


def test_the_place_of_the_word_makes_a_longer_label_a_positive(tmp_path, rng):
    for name in ("placed.wav", "sentence.wav", "word.wav"):
        soundfile.write(tmp_path / name, rng.uniform(-0.1, 0.1, 48_000), 16_000)
    rows = [
        ("placed.wav", "train", "Alexa, lights!", "1", "1.75"),
        ("sentence.wav", "train", "Alexa, lights!", "", ""),
        ("word.wav", "train", "Alexa.", "", ""),
    ]
    write(tmp_path, *rows, header=("path", "split", "label", "word_start_s", "word_end_s"))
    prepare(read_source(str(tmp_path)), str(tmp_path / "out"))
    clips = read_corpus(str(tmp_path / "out"), "train")
    assert clips.columns["id"].tolist() == ["placed.wav", "sentence.wav", "word.wav"]
    assert clips.columns["placed"].tolist() == [True, False, False]
    assert (clips.columns["speech_start"][0], clips.columns["speech_end"][0]) == (16_000, 28_000)
    assert keyword_labels(clips, ("alexa",)).tolist() == [1, -1, 1]


def test_attributes_of_a_speaker_are_kept_and_a_corpus_without_them_has_empty_ones(tmp_path, rng):
    soundfile.write(tmp_path / "a.wav", rng.uniform(-0.1, 0.1, 16_000), 16_000)
    soundfile.write(tmp_path / "b.wav", rng.uniform(-0.1, 0.1, 16_000), 16_000)
    rows = [("a.wav", "train", "cv", "female", "thirties", "scottish"), ("b.wav", "train", "cv", "", "", "")]
    write(tmp_path, *rows, header=("path", "split", "source", "sex", "age", "accent"))
    prepare(read_source(str(tmp_path)), str(tmp_path / "out"))
    clips = read_corpus(str(tmp_path / "out"), "train")
    assert clips.columns["source"].tolist() == ["cv", "cv"]
    assert clips.columns["sex"].tolist() == ["female", ""]
    assert (clips.columns["age"][0], clips.columns["accent"][0]) == ("thirties", "scottish")
    (index,) = (tmp_path / "out/corpus/2.0.0/index").iterdir()
    columns = json.loads(index.read_text())
    for name in ("source", "sex", "age", "accent"):  # as an earlier version wrote it
        del columns[name]
    index.write_text(json.dumps(columns))
    assert read_corpus(str(tmp_path / "out"), "train").columns["sex"].tolist() == ["", ""]
