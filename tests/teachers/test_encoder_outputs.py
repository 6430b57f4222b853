"""Cached outputs of a frozen student are those that it has for the recording, and windows of them have the right frames."""

import jax
import ml_dtypes
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import finetune as config_file
from s3rl_jax.audio.logmel import stack_frames, to_float
from s3rl_jax.batches.windows import Windows
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.models.detector import FRAME, KeywordModel
from s3rl_jax.models.student.registry import build_student, variables
from s3rl_jax.teachers.encoder_outputs import HIDDEN, encoder_outputs
from s3rl_jax.teachers.output_windows import OutputWindows
from tests.conftest import student_settings

FILE_BYTES = 2 * 16 * 400  # 400 frames: several files
CLEAN = {"gain_db": (0.0, 0.0), "noise_probability": 0.0, "reverb_probability": 0.0}


@pytest.fixture(scope="module")
def clips(corpus):
    return read_corpus(corpus, "train")


@pytest.fixture(scope="module")
def model():
    return KeywordModel(build_student(student_settings("toy")), classes=2, window=16_000, hop=2560)


@pytest.fixture(scope="module")
def params(model):
    return model.init(jax.random.key(0))


def settings(**changes) -> ConfigDict:
    return ConfigDict({**config_file.get_config().augment.to_dict(), **changes})


@pytest.fixture(scope="module")
def cache(model, params, clips, tmp_path_factory):
    root = tmp_path_factory.mktemp("outputs")
    return root, encoder_outputs(model, params, clips, settings(**CLEAN), 1, root, FILE_BYTES)


def read(outputs, recording, copy=0):
    file = copy * outputs.files_a_copy + int(outputs.file[recording])
    rows = np.array([file]), outputs.row[recording : recording + 1], outputs.frames[recording : recording + 1]
    return outputs.files.rows(HIDDEN, *rows, int(outputs.frames[recording]))[0].astype(np.float32)


def test_the_cache_holds_what_the_student_gives_for_each_recording(model, params, clips, cache):
    _, outputs = cache
    assert outputs.files_a_copy > 3
    encode = jax.jit(lambda audio: model.student.apply(variables(params), stack_frames(model.features(to_float(audio)))))
    longest = int(clips.columns["samples"].max())
    for recording in range(0, len(clips), 5):
        if clips.columns["kind"][recording] == "impulse_response":
            assert outputs.frames[recording] == 0
            continue
        audio = np.zeros((1, longest), np.int16)
        audio[0, : clips.columns["samples"][recording]] = clips.audio(recording)
        hidden = np.asarray(encode(audio))[0, : outputs.frames[recording]]
        np.testing.assert_allclose(read(outputs, recording), hidden, atol=0.02 * np.abs(hidden).max())


def test_a_cache_is_completed_after_a_kill_and_serves_every_keyword(model, params, clips, cache, monkeypatch):
    root, outputs = cache
    lost = outputs.files.path(1, HIDDEN)
    content = lost.read_bytes()
    lost.unlink()
    again = encoder_outputs(model, params, clips, settings(**CLEAN), 1, root, FILE_BYTES)
    assert lost.read_bytes() == content
    assert again.files == outputs.files
    monkeypatch.setattr("s3rl_jax.teachers.encoder_outputs._compute", lambda *_: pytest.fail("computed anew"))
    encoder_outputs(model, params | {"head": {}}, clips, settings(**CLEAN), 1, root, FILE_BYTES)
    with pytest.raises(pytest.fail.Exception):
        encoder_outputs(model, params, clips, settings(**CLEAN, band_probability=1.0), 1, root, FILE_BYTES)


def test_copies_differ_by_their_augmentation(model, params, clips, tmp_path):
    few = clips.subset(np.r_[clips.rows(clips.columns["kind"] == "noise")[:1], np.arange(3)])
    outputs = encoder_outputs(model, params, few, settings(), 2, tmp_path)
    speech = int(few.rows(few.columns["kind"] == "speech")[0])
    first, second = read(outputs, speech), read(outputs, speech, copy=1)
    assert first.shape == second.shape
    assert np.abs(first - second).max() > 0.01


def test_windows_of_outputs_have_the_frames_of_the_windows(clips, cache):
    _, outputs = cache
    windows = Windows.of(clips, ("alexa",), 16_000, 32, 0, config_file.get_config().data)
    source = OutputWindows(windows, outputs)
    batch, plan = source.batch(3, range(8, 24)), windows.plan(3, range(8, 24))
    batch["hidden"] = batch["hidden"].astype(np.float32)
    assert batch["hidden"].shape == (16, 50, 16)
    np.testing.assert_array_equal(batch["label"], plan["label"])
    np.testing.assert_array_equal(batch["hidden"], source.batch(3, range(32))["hidden"][8:24])
    pieces, filled = plan["pieces"], np.zeros((16, 50), bool)
    for row in range(16):
        for recording, start, at, count in np.stack([part[row] for part in pieces], axis=-1).tolist():
            first, last, source_frame = at // FRAME, (at + count) // FRAME, start // FRAME
            last = min(last, first + max(int(outputs.frames[recording]) - source_frame, 0))
            expected = read(outputs, recording)[source_frame : source_frame + last - first]
            np.testing.assert_array_equal(batch["hidden"][row, first:last], expected)
            filled[row, first:last] = True
    silence = outputs.silence.astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(batch["hidden"][~filled], np.broadcast_to(silence, ((~filled).sum(), 16)))
    assert filled.any(axis=1).all()
