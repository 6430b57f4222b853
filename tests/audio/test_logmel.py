import jax
import librosa
import numpy as np
import pytest

from s3rl_jax.audio.logmel import LOG_FLOOR, frame_count, log_mel, stack_frames, stacked_count
from s3rl_jax.audio.mel import mel_filters


def reference(audio):
    mel = librosa.feature.melspectrogram(
        y=np.pad(audio, 56), sr=16_000, n_fft=512, win_length=400, hop_length=160, center=False, n_mels=64
    )
    return np.log(mel + LOG_FLOOR).T


@pytest.mark.parametrize("samples", [400, 559, 560, 16_000, 24_000, 24_123])
def test_equals_librosa(rng, samples):
    time = np.arange(samples) / 16_000
    audio = (0.3 * np.sin(2 * np.pi * 440 * time) + 0.01 * rng.standard_normal(samples)).astype(np.float32)
    ours = np.asarray(log_mel(audio))
    assert ours.shape == (frame_count(samples), 64)
    np.testing.assert_allclose(ours, reference(audio), atol=1e-4)


@pytest.mark.parametrize(("fft", "bands"), [(512, 64), (400, 80), (400, 128)])
def test_mel_filters_are_those_of_librosa_bit_for_bit(fft, bands):
    expected = librosa.filters.mel(sr=16_000, n_fft=fft, n_mels=bands).T
    np.testing.assert_array_equal(mel_filters(16_000, fft, bands), expected)


def test_digital_silence_is_the_floor():
    np.testing.assert_allclose(log_mel(np.zeros(1600, np.float32)), np.log(LOG_FLOOR), atol=1e-4)


def test_batches_are_rows(rng):
    audio = rng.standard_normal((3, 4000)).astype(np.float32)
    np.testing.assert_allclose(log_mel(audio)[1], log_mel(audio[1]), atol=1e-5)


def test_a_later_start_by_whole_hops_shifts_the_frames(rng):
    # Streaming relies on it that a frame depends on its 25 ms alone.
    audio = rng.standard_normal(8000).astype(np.float32)
    np.testing.assert_allclose(log_mel(audio)[3:], log_mel(audio[480:]), atol=1e-5)


def test_stacking_keeps_the_order_of_the_frames(rng):
    features = rng.standard_normal((2, 7, 64)).astype(np.float32)
    stacked = np.asarray(stack_frames(features))
    assert stacked.shape == (2, 3, 128)
    np.testing.assert_array_equal(stacked[1, 2], np.concatenate([features[1, 4], features[1, 5]]))
    assert int(stacked_count(np.int32(400 + 6 * 160))) == 3
    assert stacked_count(24_000) == 74


def test_gradient_flows(rng):
    audio = rng.standard_normal(1600).astype(np.float32)
    gradient = jax.grad(lambda x: log_mel(x).mean())(audio)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0
