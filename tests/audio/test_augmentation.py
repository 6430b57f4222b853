import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.audio import augmentation as augmentations

OFF = {
    **dict.fromkeys(("speed_probability", "shift_seconds", "reverb_probability", "band_probability"), 0.0),
    **dict.fromkeys(("speech_probability", "noise_probability"), 0.0),
    "gain_db": (0.0, 0.0),
}
SETTINGS = {**OFF, "noise_probability": 1.0, "snr_db": (5.0, 5.0)}
NONE = np.zeros((0, 10), np.float32)


def test_examples_are_augmented_differently_and_reproducibly(rng):
    audio = np.tile(rng.standard_normal(2000).astype(np.float32), (4, 1))
    arguments = (
        audio,
        np.full(4, 2000),
        rng.standard_normal((5, 2500)).astype(np.float32),
        NONE,
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
    settings = {**SETTINGS, "gain_db": (6.0, 6.0), "reverb_probability": 1.0}
    out = augmentations.augment(jax.random.key(0), audio, np.full(2, 500), NONE, NONE, settings)
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


def test_other_speech_is_mixed_in_at_its_snr_and_never_a_keyword(rng):
    audio = np.eye(8, 4000, dtype=np.float32) + np.tile(np.arange(8)[:, None], (1, 4000)).astype(np.float32)
    allowed = np.arange(8) % 2 == 0
    settings = {**OFF, "speech_probability": 1.0, "speech_snr_db": (10.0, 10.0)}
    seen = set()
    for seed in range(20):
        mixed = augmentations.augment(jax.random.key(seed), audio, np.full(8, 4000), NONE, NONE, settings, allowed)
        added = np.asarray(mixed) - audio
        for row in range(1, 8):
            if not added[row].any():
                continue
            # The mixed row is the one whose marked sample stands out, by one over its level.
            (other,) = np.flatnonzero(np.abs(added[row] - np.median(added[row])) > 1e-4)[:8]
            assert allowed[other]
            assert other != row
            seen.add((row, int(other)))
            snr = 10 * np.log10(np.mean(audio[row] ** 2) / np.mean(added[row] ** 2))
            assert snr == pytest.approx(10, abs=0.01)
    assert len(seen) > 12, "any row with any other one"


def test_a_room_and_a_band_are_one_filter(rng):
    from s3rl_jax.audio.channel import band_limit, reverberate

    audio = rng.standard_normal((1, 4000)).astype(np.float32)
    response = jnp.asarray(rng.standard_normal((1, 500)) * 0.99 ** np.arange(500), jnp.float32)
    settings = {**OFF, "reverb_probability": 1.0, "band_probability": 1.0}
    settings |= {"band_low_hz": (300.0, 300.0), "band_high_hz": (3000.0, 3000.0)}
    out = augmentations.augment(jax.random.key(0), audio, np.full(1, 4000), NONE, response, settings)
    expected = np.asarray(band_limit(reverberate(audio[0], response[0]), 300.0, 3000.0))
    np.testing.assert_allclose(out[0][200:-200], expected[200:-200], atol=0.05)


@pytest.mark.parametrize("later", [False, True])
def test_timing_moves_the_sound_and_its_length_alike(rng, later):
    audio = np.zeros((16, 8000), np.float32)
    audio[:, 1000:4000] = rng.standard_normal(3000)
    settings = {**OFF, "speed_probability": 1.0, "speed": (0.8, 1.25)}
    if later:
        settings |= {"shift_seconds": 0.03}
    moved, length = augmentations.perturb(jax.random.key(0), audio, np.full(16, 4000), settings)
    for row, end in zip(np.asarray(moved), np.asarray(length), strict=True):
        last = np.flatnonzero(np.abs(row) > 1e-3)[-1]
        assert end - 8 <= last + 1 <= end + 3
    assert len(set(np.asarray(length).tolist())) > 8
    same, length = augmentations.perturb(jax.random.key(0), audio, np.full(16, 4000), OFF)
    assert same is audio
    assert (length == 4000).all()


def test_an_example_is_the_same_among_any_others(rng):
    audio = rng.standard_normal((4, 2000)).astype(np.float32)
    settings = {**SETTINGS, "speed_probability": 0.5, "speed": (0.9, 1.1), "reverb_probability": 0.5, "gain_db": (-5.0, 5.0)}
    rooms, noises = jnp.asarray(rng.standard_normal((3, 100))), jnp.asarray(rng.standard_normal((5, 2000)))

    def augmented(audio):
        timing, rest = jax.random.split(jax.random.key(3))
        return augmentations.augment(
            rest, *augmentations.perturb(timing, audio, np.full(4, 2000), settings), noises, rooms, settings
        )

    changed = audio.copy()
    changed[2:] = 0.5
    np.testing.assert_array_equal(augmented(audio)[:2], augmented(changed)[:2])
