import numpy as np
import pytest
from scipy import signal

from s3rl_jax.audio import channel


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_snr_is_what_was_asked_for(rng, snr):
    audio, noise = rng.standard_normal(8000), 3 * rng.standard_normal(8000)
    length = 5000
    audio[length:] = 0
    added = np.asarray(channel.add_noise(audio, noise, length, snr)) - audio
    measured = 10 * np.log10(np.mean(audio[:length] ** 2) / np.mean(added[:length] ** 2))
    assert measured == pytest.approx(snr, abs=1e-3)


def test_reverberation_is_scipys_convolution_at_the_same_power(rng):
    audio, response = rng.standard_normal(4000), rng.standard_normal(900) * 0.99 ** np.arange(900)
    ours = np.asarray(channel.reverberate(audio, response))
    reference = signal.fftconvolve(audio, response)[:4000]
    reference *= np.sqrt(np.mean(audio**2) / np.mean(reference**2))
    np.testing.assert_allclose(ours, reference, atol=1e-4)


def test_a_band_passes_and_the_rest_does_not(rng):
    audio = rng.standard_normal(64_000).astype(np.float32)
    limited = np.asarray(channel.band_limit(audio, 300.0, 3400.0))
    assert np.mean(limited**2) == pytest.approx(np.mean(audio**2), rel=1e-3)
    frequency, gain = signal.csd(audio, limited, 16_000, nperseg=2048)
    _, power = signal.welch(audio, 16_000, nperseg=2048)
    gain = np.abs(gain / power)
    inside, outside = (frequency > 320) & (frequency < 3350), (frequency < 250) | (frequency > 3800)
    level = gain[inside].mean()
    assert np.abs(20 * np.log10(gain[inside] / level)).max() < 1
    assert 20 * np.log10(gain[outside].max() / level) < -30


def test_the_whole_band_changes_nothing(rng):
    audio = rng.standard_normal(4000).astype(np.float32)
    np.testing.assert_allclose(channel.band_limit(audio, 0.0, 8000.0), audio, atol=1e-5)


@pytest.mark.parametrize("gain", [-20.0, 0.0, 6.0])
def test_gain_is_in_decibels(rng, gain):
    audio = rng.standard_normal(100)
    measured = 20 * np.log10(np.std(np.asarray(channel.amplify(audio, gain))) / np.std(audio))
    assert measured == pytest.approx(gain, abs=1e-4)
