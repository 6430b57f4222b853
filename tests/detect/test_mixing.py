"""Several channels become one, and none of the ways in which they are wired wrongly loses the sound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.detect.mixing import Mixer


def mixed(frames, channel=None, cuts=()):
    mixer = Mixer(16_000, channel)
    parts = [mixer.process(part) for part in np.split(frames, cuts)]
    return np.concatenate([*parts, mixer.flush()])


@pytest.fixture
def sound(rng):
    loudness = np.repeat([0.0, 0.01, 0.3, 0.001, 0.2], 3300)
    return (loudness * rng.standard_normal(len(loudness))).astype(np.float32)


def test_two_voices_are_averaged(sound, rng):
    other = (0.1 * rng.standard_normal(len(sound))).astype(np.float32)
    frames = np.stack([sound, other], 1)
    np.testing.assert_allclose(mixed(frames[6600:9900]), frames[6600:9900].mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(
    "gains", [(1, 1), (1, -1), (0, 1), (1, 0), (1, 1, -1), (0, -1, 1), (1, 0.001)], ids=lambda gains: str(gains)
)
def test_a_sound_is_as_loud_as_it_is_in_its_channels(sound, gains):
    frames = sound[:, None] * np.float32(gains)
    np.testing.assert_allclose(np.abs(mixed(frames)), np.abs(sound), rtol=1e-3, atol=1e-6)


def test_one_channel_is_taken(sound):
    frames = np.stack([sound, -0.5 * sound], 1)
    np.testing.assert_array_equal(mixed(frames, 1), frames[:, 1])
    np.testing.assert_array_equal(mixed(sound[:, None]), sound)
    for channel in (2, -1):
        with pytest.raises(ValueError, match=f"no channel {channel}; there are 2"):
            mixed(frames, channel)


def test_a_changing_number_of_channels_is_refused():
    mixer = Mixer(16_000)
    mixer.process(np.zeros((10, 2), np.float32))
    with pytest.raises(ValueError, match="3 channels after 2"):
        mixer.process(np.zeros((10, 3), np.float32))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 12_000), max_size=8), st.integers(0, 99))
def test_any_chunking_gives_the_same(cuts, seed):
    frames = np.random.default_rng(seed).standard_normal((12_345, 2)).astype(np.float32)
    frames[:4000, 1] = -frames[:4000, 0]
    np.testing.assert_array_equal(mixed(frames, cuts=sorted(cuts)), mixed(frames))
