"""Files that are there whole or not at all."""

import os

import pytest

from s3rl_jax.core.durable import write_together


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
