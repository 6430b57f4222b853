"""The microphone, with a sounddevice that the test makes: none is to be had where tests run."""

import sys
import types

import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect import __main__ as detect
from s3rl_jax.detect.microphone import devices, listen, meter


class PortAudioError(Exception):
    pass


def fake(blocks, named=None):
    """A sounddevice whose input gives the blocks, then is unplugged."""

    class InputStream:
        def __init__(self, **settings):
            if settings["device"] not in (None, named):
                raise ValueError(f"No input device matching {settings['device']!r}")
            self.settings, self.left = settings, list(blocks)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return False

        def read(self, samples):
            if not self.left:
                raise PortAudioError("Device unavailable [PaErrorCode -9985]")
            assert samples == self.settings["blocksize"]
            return self.left.pop(0)[:, None], False

    return types.SimpleNamespace(
        InputStream=InputStream, PortAudioError=PortAudioError, query_devices=lambda: "  0 Kitchen, ALSA (2 in, 0 out)"
    )


def test_hops_come_as_they_are_and_an_unplugged_microphone_is_reported(monkeypatch, rng):
    blocks = rng.standard_normal((3, 160)).astype(np.float32)
    monkeypatch.setitem(sys.modules, "sounddevice", fake(blocks))
    received = []

    def hear():
        for samples in listen(16_000, 160):
            received.append(samples)

    with pytest.raises(UserError, match=r"Device unavailable.*expected an input that gives 16000 Hz"):
        hear()
    np.testing.assert_array_equal(received, blocks)


def test_a_microphone_that_there_is_not_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", fake([], named="Kitchen"))
    with pytest.raises(UserError, match=r"No input device matching 'Cellar'.*--list-devices"):
        next(listen(16_000, 160, "Cellar"))
    assert "Kitchen" in devices()


def test_without_sounddevice_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match=r"s3rl_jax\[microphone\]"):
        devices()


def test_detect_ends_with_a_line_when_the_microphone_goes_away(chain, monkeypatch, capsys):
    blocks = np.zeros((5, 2560), np.float32)
    monkeypatch.setitem(sys.modules, "sounddevice", fake(blocks))
    monkeypatch.setattr(sys, "argv", ["detect", chain["stream.tflite"], "--microphone"])
    with pytest.raises(UserError, match="1 of 1 not heard: microphone"):
        detect.main()
    assert "Device unavailable" in capsys.readouterr().err


def test_the_meter_shows_level_score_and_threshold():
    quiet, loud = meter(np.zeros(160), 0.0, 0.5), meter(np.ones(160), 1.0, 0.5)
    assert "=" not in quiet
    assert loud.count("=") == 30
    assert quiet.count("#") == 0
    assert loud.count("#") == 29
    assert "|" in quiet, "where the threshold is"
    assert "!" in loud, "and that it is reached"
    assert len(quiet) == len(loud)
