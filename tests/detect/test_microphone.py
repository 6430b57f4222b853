"""The microphone, with a stand-in for sounddevice."""

import sys

import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect import __main__ as detect
from s3rl_jax.detect.microphone import devices, meter, open_microphone
from tests.detect.sound_card import fake


def test_hops_come_as_they_are_and_an_unplugged_microphone_is_reported(monkeypatch, rng):
    blocks = rng.standard_normal((3, 160)).astype(np.float32)
    monkeypatch.setitem(sys.modules, "sounddevice", fake(blocks))
    received = []

    def receive():
        with open_microphone(16_000, 0.01) as recording:
            assert (recording.rate, recording.channels) == (16_000, 1)
            for samples in recording.blocks:
                received.append(samples[:, 0])

    with pytest.raises(UserError, match=r"Device unavailable.*expected an audio input"):
        receive()
    np.testing.assert_array_equal(received, blocks)


def test_an_input_of_another_rate_is_opened_as_it_is(monkeypatch, rng, capsys):
    blocks = rng.standard_normal((2, 2 * 480)).astype(np.float32)
    monkeypatch.setitem(sys.modules, "sounddevice", fake(blocks, rate=48_000, channels=6))
    with open_microphone(16_000, 0.01) as recording:
        assert (recording.rate, recording.channels) == (48_000, 2)
        np.testing.assert_array_equal(next(recording.blocks), blocks[0].reshape(480, 2))
    assert "48000 Hz, 2 channels; resampled to 16000 Hz" in capsys.readouterr().err


def test_a_microphone_that_there_is_not_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", fake([], name="Kitchen"))
    with (
        pytest.raises(UserError, match=r"No input device matching 'Cellar'.*--list-devices"),
        open_microphone(16_000, 0.01, "Cellar"),
    ):
        pass
    assert "Kitchen" in devices()


def test_without_sounddevice_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match=r"s3rl_jax\[microphone\]"):
        devices()


def test_detect_ends_with_a_line_when_the_microphone_goes_away(chain, monkeypatch, capsys):
    blocks = np.zeros((5, 2560), np.float32)
    monkeypatch.setitem(sys.modules, "sounddevice", fake(blocks))
    monkeypatch.setattr(sys, "argv", ["detect", chain["stream.tflite"], "--microphone"])
    with pytest.raises(UserError, match="1 of 1 not read: microphone"):
        detect.main()
    assert "Device unavailable" in capsys.readouterr().err


def test_the_meter_shows_level_score_and_threshold():
    quiet, loud = meter(np.zeros((160, 1), np.float32), 0.0, 0.5), meter(np.ones((160, 2), np.float32), 1.0, 0.5)
    assert "=" not in quiet
    assert loud.count("=") == 30
    assert quiet.count("#") == 0
    assert loud.count("#") == 29
    assert "|" in quiet, "where the threshold is"
    assert "!" in loud, "and that it is reached"
    assert len(quiet) == len(loud)
