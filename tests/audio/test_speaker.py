"""Vocal-tract length and pitch against loops in float64 that follow the equations."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from s3rl_jax.audio.augmentation import draw_speakers, pitch_waveforms, voice_features
from s3rl_jax.audio.logmel import HOP, WINDOW, log_mel
from s3rl_jax.audio.speaker import FORMANTS_END, source_frequency, stretch_frames, warp_bands

CENTRES = librosa.mel_frequencies(66, fmin=0.0, fmax=8000.0)[1:-1]
SETTINGS = {"pitch_probability": 1.0, "pitch": (1.1, 1.1), "vocal_tract_probability": 1.0, "vocal_tract": (0.9, 0.9)}
OFF = SETTINGS | {"pitch_probability": 0.0, "vocal_tract_probability": 0.0}


def warped(frequency: float, factor: float) -> float:
    """Equation 1 of Jaitly and Hinton: where a frequency goes."""
    half, low = 8000.0, min(factor, 1.0)
    if frequency <= FORMANTS_END * low / factor:
        return frequency * factor
    return half - (half - FORMANTS_END * low) / (half - FORMANTS_END * low / factor) * (half - frequency)


@pytest.mark.parametrize("factor", [0.8, 0.93, 1.0, 1.07, 1.25])
def test_the_source_frequency_is_the_inverse_of_the_equation(factor):
    for frequency in np.linspace(0, 8000, 81):
        back = float(source_frequency(np.float32(warped(frequency, factor)), factor))
        assert back == pytest.approx(frequency, abs=0.02)


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.12])
def test_bands_are_warped_as_a_loop_does(rng, factor):
    features = rng.standard_normal((7, 64))
    expected = np.empty_like(features)
    for band, centre in enumerate(CENTRES):
        grid = np.linspace(0, 8000, 400_001)
        source = np.interp(centre, [warped(f, factor) for f in grid[::500]], grid[::500])
        place = np.interp(source, CENTRES, np.arange(64.0))
        low = min(int(place), 62)
        for frame in range(7):
            expected[frame, band] = (low + 1 - place) * features[frame, low] + (place - low) * features[frame, low + 1]
    out = np.asarray(warp_bands(features.astype(np.float32), factor, CENTRES))
    np.testing.assert_allclose(out, expected, atol=2e-3)
    if factor == 1.0:
        np.testing.assert_allclose(out, features, atol=1e-4)


@pytest.mark.parametrize(("factor", "anchor"), [(0.8, 12.0), (1.0, 3.5), (1.3, 20.25)])
def test_frames_are_stretched_as_a_loop_does(rng, factor, anchor):
    features = rng.standard_normal((40, 5))
    expected = np.empty_like(features)
    for frame in range(40):
        place = min(max(anchor + (frame - anchor) / factor, 0.0), 39.0)
        low = min(int(place), 38)
        expected[frame] = (low + 1 - place) * features[low] + (place - low) * features[low + 1]
    np.testing.assert_allclose(stretch_frames(features.astype(np.float32), factor, anchor), expected, atol=1e-4)


def vowel(pitch: float, samples: int = 24_000, formants=(700.0, 1800.0)) -> np.ndarray:
    """Harmonics of a pitch under two formants, with a burst in the middle."""
    time = np.arange(samples) / 16_000
    wave = np.zeros(samples)
    for number in range(1, int(7000 / pitch)):
        gain = sum(np.exp(-(((number * pitch - formant) / 150) ** 2)) for formant in formants) + 1e-3
        wave += gain * np.sin(2 * np.pi * number * pitch * time)
    wave *= np.where(np.abs(time - 0.75) < 0.2, 1.0, 0.01)
    return (0.1 * wave / np.abs(wave).max()).astype(np.float32)


def envelope(features: np.ndarray) -> np.ndarray:
    """Centre frequencies of the formants: of the loudest band below and above 1200 Hz, in the middle frames."""
    mean = np.asarray(features)[60:85].mean(axis=0)
    low = CENTRES < 1200
    return np.array([CENTRES[low][mean[low].argmax()], CENTRES[~low][mean[~low].argmax()]])


def test_the_formants_move_and_the_time_stays():
    audio, anchor = np.stack([vowel(90.0)] * 2), 12_000
    speaker = draw_speakers(jax.random.key(0), 2, SETTINGS)
    np.testing.assert_allclose(speaker.pitch, 1.1, rtol=1e-5)
    np.testing.assert_allclose(speaker.formants, 0.9, rtol=1e-5)
    changed = voice_features(speaker, log_mel(pitch_waveforms(speaker, audio, SETTINGS, anchor)), SETTINGS, anchor)
    before, after = log_mel(audio)[0], np.asarray(changed[0])
    assert after.shape == before.shape
    np.testing.assert_allclose(envelope(after) / envelope(before), 0.9, atol=0.06)
    loudness = [np.asarray(features).max(axis=1) > np.asarray(features).max() - 4 for features in (before, after)]
    assert abs(int(loudness[0].sum()) - int(loudness[1].sum())) <= 3, "as long as before"
    assert abs(np.flatnonzero(loudness[0]).mean() - np.flatnonzero(loudness[1]).mean()) <= 1.5, "in the same place"
    assert abs(np.flatnonzero(loudness[0]).mean() - (anchor - WINDOW / 2) / HOP) <= 2


def test_pitch_alone_leaves_the_formants():
    settings = SETTINGS | {"pitch": (1.2, 1.2), "vocal_tract_probability": 0.0}
    audio = vowel(90.0)[None]
    speaker = draw_speakers(jax.random.key(0), 1, settings)
    waves = pitch_waveforms(speaker, audio, settings, 12_000)
    changed = voice_features(speaker, log_mel(waves), settings, 12_000)[0]
    np.testing.assert_allclose(envelope(changed) / envelope(log_mel(audio)[0]), 1.0, atol=0.06)
    spectrum = np.abs(np.fft.rfft(np.asarray(waves[0])[10_500:13_500] * np.hanning(3000), 1 << 16))
    peaks = np.fft.rfftfreq(1 << 16, 1 / 16_000)[(spectrum > 0.2 * spectrum.max())]
    harmonics = peaks / (90 * 1.2)
    assert np.abs(harmonics - np.rint(harmonics)).max() < 0.12


def test_probabilities_and_seeds():
    settings = SETTINGS | {"pitch_probability": 0.5, "pitch": (0.8, 1.25), "vocal_tract": (0.8, 1.25)}
    drawn = draw_speakers(jax.random.key(1), 2000, settings)
    again = draw_speakers(jax.random.key(1), 2000, settings)
    np.testing.assert_array_equal(drawn.pitch, again.pitch)
    assert 0.45 < np.mean(np.asarray(drawn.pitch) == 1.0) < 0.55
    assert 0.79 < drawn.formants.min() < 0.82
    assert 1.22 < drawn.formants.max() < 1.26
    assert abs(np.log(np.asarray(drawn.formants)).mean()) < 0.02
    assert abs(np.corrcoef(drawn.pitch, drawn.formants)[0, 1]) < 0.06


def test_off_is_nothing_at_all(rng):
    audio, features = rng.standard_normal((2, 800)), rng.standard_normal((2, 9, 64))
    speaker = draw_speakers(jax.random.key(0), 2, OFF)
    assert pitch_waveforms(speaker, audio, OFF, 400) is audio
    assert voice_features(speaker, features, OFF, 400) is features
    assert (jnp.stack(speaker) == 1).all()
