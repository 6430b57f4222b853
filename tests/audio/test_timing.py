import numpy as np
import pytest
from scipy import interpolate, signal

from s3rl_jax.audio.timing import change_speed, shift


@pytest.mark.parametrize("speed", [0.85, 0.9, 1.0, 1.07, 1.15])
@pytest.mark.parametrize("anchor", [0, 3000])
def test_speed_is_what_scipy_reads_between_the_samples(rng, speed, anchor):
    smooth = signal.sosfilt(signal.butter(8, 2000, fs=16_000, output="sos"), rng.standard_normal(8000))
    ours = np.asarray(change_speed(smooth, speed, anchor))
    place = anchor + (np.arange(8000) - anchor) * speed
    expected = interpolate.CubicSpline(np.arange(8000), smooth)(np.clip(place, 0, 7999))
    inside = (place >= 2) & (place <= 7996)
    error = np.sqrt(np.mean((ours - expected)[inside] ** 2) / np.mean(expected[inside] ** 2))
    assert error < 0.01
    assert not ours[(place < -2) | (place > 8001)].any(), "what is not there is silence"


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_pitch_and_length_change_together(speed):
    time = np.arange(16_000) / 16_000
    tone = np.sin(2 * np.pi * 1000 * time) * (time < 0.5)
    ours = np.asarray(change_speed(tone, speed))
    spectrum = np.abs(np.fft.rfft(ours[:6000] * np.hanning(6000)))
    assert np.argmax(spectrum) * 16_000 / 6000 == pytest.approx(1000 * speed, abs=3)
    assert np.flatnonzero(np.abs(ours) > 0.1)[-1] == pytest.approx(8000 / speed, abs=20)


def test_speed_one_changes_nothing(rng):
    audio = rng.standard_normal(1000).astype(np.float32)
    np.testing.assert_allclose(change_speed(audio, 1.0, 500), audio, atol=1e-6)


@pytest.mark.parametrize("later", [-300, -1, 0, 1, 250])
def test_a_shift_is_numpys_with_silence(rng, later):
    audio = rng.standard_normal(1000).astype(np.float32)
    expected = np.concatenate([np.zeros(max(later, 0)), audio, np.zeros(max(-later, 0))])[max(-later, 0) :][:1000]
    np.testing.assert_array_equal(np.asarray(shift(audio, later)), expected.astype(np.float32))
