"""Files that are there whole or not at all."""

import os

import pytest

from s3rl_jax.core.durable import durably, errors_naming, write_together


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_all_files_are_written(tmp_path):
    write_together({tmp_path / "m.tflite": b"model", tmp_path / "m.json": b"{}"})
    assert contents(tmp_path) == {"m.tflite": b"model", "m.json": b"{}"}


@pytest.mark.parametrize("failing", [1, 2])
def test_a_full_disk_leaves_the_files_that_were_there(tmp_path, monkeypatch, failing):
    paths = [tmp_path / "m.tflite", tmp_path / "m.json"]
    write_together(dict.fromkeys(paths, b"old"))
    synced = []

    def fsync(descriptor):
        synced.append(descriptor)
        if len(synced) == failing:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        write_together(dict.fromkeys(paths, b"new"))
    assert contents(tmp_path) == {"m.tflite": b"old", "m.json": b"old"}


def test_a_file_that_could_not_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    with durably(path) as file:
        file.write("old")

    def fsync(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.json'"), durably(path) as file:
        file.write("new")
    assert contents(tmp_path) == {"a.json": b"old"}


def test_an_error_keeps_the_file_that_it_names(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"), errors_naming(tmp_path):
        (tmp_path / "missing").read_text()
