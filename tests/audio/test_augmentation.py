import jax
import numpy as np
import pytest
from scipy import signal

from s3rl_jax.audio import augmentation as augmentations

SETTINGS = {"noise_probability": 1.0, "snr_db": (5.0, 5.0), "reverb_probability": 0.0, "gain_db": (0.0, 0.0)}


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_snr_is_what_was_asked_for(rng, snr):
    audio, noise = rng.standard_normal(8000), 3 * rng.standard_normal(8000)
    length = 5000
    audio[length:] = 0
    added = np.asarray(augmentations.add_noise(audio, noise, length, snr)) - audio
    measured = 10 * np.log10(np.mean(audio[:length] ** 2) / np.mean(added[:length] ** 2))
    assert measured == pytest.approx(snr, abs=1e-3)


def test_reverberation_is_scipys_convolution_at_the_same_power(rng):
    audio, response = rng.standard_normal(4000), rng.standard_normal(900) * 0.99 ** np.arange(900)
    ours = np.asarray(augmentations.reverberate(audio, response))
    reference = signal.fftconvolve(audio, response)[:4000]
    reference *= np.sqrt(np.mean(audio**2) / np.mean(reference**2))
    np.testing.assert_allclose(ours, reference, atol=1e-4)


def test_examples_are_augmented_differently_and_reproducibly(rng):
    audio = np.tile(rng.standard_normal(2000).astype(np.float32), (4, 1))
    arguments = (
        audio,
        np.full(4, 2000),
        rng.standard_normal((5, 2500)).astype(np.float32),
        np.zeros((0, 10), np.float32),
        SETTINGS,
    )
    once = np.asarray(augmentations.augment(jax.random.key(1), *arguments))
    again = np.asarray(augmentations.augment(jax.random.key(1), *arguments))
    other = np.asarray(augmentations.augment(jax.random.key(2), *arguments))
    np.testing.assert_array_equal(once, again)
    assert not np.allclose(once, other)
    assert not np.allclose(once[0], once[1])
    added = once - audio
    snr = 10 * np.log10(np.mean(audio**2, axis=1) / np.mean(added**2, axis=1))
    np.testing.assert_allclose(snr, 5.0, atol=0.01)


def test_without_noise_and_rooms_only_the_gain_is_left(rng):
    audio = rng.standard_normal((2, 500)).astype(np.float32)
    settings = {**SETTINGS, "gain_db": (6.0, 6.0)}
    none = np.zeros((0, 500), np.float32)
    out = augmentations.augment(jax.random.key(0), audio, np.full(2, 500), none, none, settings)
    np.testing.assert_allclose(out, audio * 10 ** (6 / 20), rtol=1e-5)


def test_spec_augment_hides_no_more_than_allowed(rng):
    features = 1 + rng.random((8, 100, 64)).astype(np.float32)
    out = np.asarray(augmentations.spec_augment(jax.random.key(0), features, 2, 15, 2, 8))
    hidden = out == 0
    np.testing.assert_array_equal(out[~hidden], features[~hidden])
    for example in hidden:
        assert example.all(axis=1).sum() <= 30
        assert example.all(axis=0).sum() <= 16
    assert hidden.any()
