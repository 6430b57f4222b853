"""The starter set: what is in it, and how it becomes a corpus."""

import collections
import re

import numpy as np
import pytest

from s3rl_jax.corpus import starter as names
from s3rl_jax.corpus.corpus import corpus_paths, read_corpus
from s3rl_jax.corpus.starter import names_starter, starter_folder, with_starter, without_starter
from s3rl_jax.starter.audio_parts import AUDIO, audio_parts
from s3rl_jax.starter.unpacking import described, ensure_unpacked, unpack
from tests.conftest import ROOT, run_module

ALLOWED = re.compile(r"(CC0-1\.0|CC-BY(-3\.0|-4\.0)?|Apache-2\.0|Public domain|public-domain waiver)\b")
WAKE_WORDS = {"alexa", "computer", "jarvis", "snowboy", "athena", "amelia"}


@pytest.fixture(scope="module")
def rows():
    return [row for parts in audio_parts().values() for part in parts for row in part.rows]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache, and a starter set of two of its files: the whole takes a minute."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    parts = audio_parts()
    few = {split: sorted(files, key=lambda part: part.bytes)[:1] for split, files in parts.items()}
    monkeypatch.setattr("s3rl_jax.starter.unpacking.audio_parts", lambda: few)
    return few


def test_it_is_as_large_as_it_is_said_to_be(rows):
    hours = collections.Counter()
    for row in rows:
        hours[row["split"], row["kind"]] += (int(row["last"]) - int(row["first"])) / 16_000 / 3600
    assert hours["train", "speech"] >= 4
    assert hours["train", "noise"] >= 0.25
    assert hours["test", "speech"] >= 0.4
    assert len({row["speaker"] for row in rows if row["split"] == "train"}) >= 500
    assert len({row["lang"] for row in rows if row["split"] == "train"}) >= 40
    assert sum(path.stat().st_size for path in (ROOT / "s3rl_jax/starter").rglob("*") if path.is_file()) < 26e6


def test_licences_are_stated_and_free(rows):
    for licence in {row["licence"] for row in rows}:
        assert ALLOWED.match(licence), licence
        assert not re.search(r"SA|NC|ND|not stated", licence), licence
    text = (ROOT / "s3rl_jax/starter/LICENSES.md").read_text()
    for file in {row["file"] for row in rows}:
        assert f"`{file.rsplit('-', 1)[0]}-*`" in text, file


def test_nobody_is_in_training_and_in_test(rows):
    speakers = {
        split: {row["speaker"] for row in rows if row["split"] == split and row["kind"] == "speech"}
        for split in ("train", "test")
    }
    assert not (speakers["train"] - {""}) & (speakers["test"] - {""})


def test_no_wake_word_is_for_training_and_real_ones_are_for_test(rows):
    for row in rows:
        if row["split"] == "train" and row["kind"] == "speech":
            assert not WAKE_WORDS & set(re.findall(r"\w+", row["label"].lower())), row
    positives = [row for row in rows if row["label"] == "alexa"]
    assert len(positives) == 79
    assert len({row["speaker"] for row in positives}) == 16
    assert all(float(row["speech_start_s"]) < float(row["speech_end_s"]) for row in positives)


def test_the_files_are_those_of_the_table(rows):
    listed = {row["file"] for row in rows}
    assert {path.name for path in AUDIO.iterdir()} == listed | {"recordings.csv"}


def test_it_becomes_a_corpus_once(cache, monkeypatch):
    summary = unpack()
    assert summary["rejected"] == 0
    assert [path.name for path in starter_folder().parent.iterdir()] == [starter_folder().name], "nothing is left aside"
    for split, (part,) in cache.items():
        clips = read_corpus("starter", split)
        assert len(clips) == len(part.rows)
        for number in range(len(clips)):
            row, audio = part.rows[number], clips.audio(number)
            assert len(audio) == int(row["last"]) - int(row["first"])
            assert np.abs(audio.astype(int)).max() > 30
            assert clips.columns["speaker"][number] == row["speaker"]
    monkeypatch.setattr("s3rl_jax.starter.unpacking.audio_parts", lambda: pytest.fail("read again"))
    assert unpack() == summary
    ensure_unpacked("a,b")
    ensure_unpacked("a,starter")
    assert re.match(
        r"the starter set is added: \d+\.\d h of speech by \d+ people", described(read_corpus("starter", "train"), "starter")
    )


def test_two_that_unpack_at_once_use_the_first(cache, monkeypatch):
    from s3rl_jax.starter import unpacking

    prepare = unpacking.prepare_shards

    def slow(*arguments):
        monkeypatch.setattr(unpacking, "prepare_shards", prepare)
        unpack()  # the other process, which is faster
        return prepare(*arguments)

    monkeypatch.setattr(unpacking, "prepare_shards", slow)
    unpacking._write(starter_folder())
    assert len(list(starter_folder().parent.iterdir())) == 1
    read_corpus("starter", "train")


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    done = run_module("starter", env={"XDG_CACHE_HOME": str(tmp_path / "file")})
    assert done.returncode == 2
    assert "XDG_CACHE_HOME" in done.stderr


def test_the_name_among_corpora(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert with_starter("a") == "a,starter"
    assert with_starter("") == "starter"
    assert with_starter("a, starter") == "a, starter"
    assert without_starter("a,starter,b") == "a,b"
    assert names_starter(" starter ,x")
    assert not names_starter("starters,./starter")
    assert [path.name for path in corpus_paths("a,starter,./starter")] == ["a", f"starter-{names.EDITION}", "starter"]
    with pytest.raises(Exception, match=r"--corpus=starter: .* is not there; python -m s3rl_jax.starter writes it"):
        read_corpus("starter", "train")
