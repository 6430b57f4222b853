import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.audio.micro import UNITS, micro_units
from tests.conftest import tone_word

units_of = jax.jit(micro_units)
NO_NOISE = jnp.zeros((2, 40), jnp.uint32)


@functools.cache
def sound() -> np.ndarray:
    """Two streams of 12 s: words, noise of all levels that comes and goes, silence, what clips, a tone, clicks."""
    rng, second = np.random.default_rng(3), 16_000
    words = np.concatenate([np.concatenate([tone_word(rng, word), np.zeros(3200)]) for word in ("alexa", "banana") * 3])
    levels = np.repeat(10.0 ** rng.uniform(-5, 0, 40), 1600)
    parts = (
        words + 1e-3 * rng.standard_normal(len(words)),
        levels * rng.standard_normal(len(levels)),
        np.zeros(2 * second),
        np.sign(np.sin(2 * np.pi * 440 * np.arange(2 * second) / second)),
        np.full(1000, -1.0),
        np.sin(2 * np.pi * 1000 * np.arange(2 * second) / second),
        (rng.random(2 * second) < 1e-3) * rng.uniform(-1, 1, 2 * second),
        3e-5 * rng.standard_normal(2 * second),
    )
    audio = np.concatenate([*parts, *parts[:1]])
    return np.clip(np.round(32768 * audio), -32768, 32767).astype(np.int16)[: len(audio) // 320 * 320].reshape(2, -1)


@functools.cache
def whole() -> np.ndarray:
    return np.asarray(units_of(sound(), NO_NOISE)[0])


@pytest.mark.skipif(not importlib.util.find_spec("pymicro_features"), reason="no pymicro-features on this machine")
def test_every_number_is_that_of_tensorflow_lite_micro():
    from pymicro_features import MicroFrontend

    for row, stream in zip(whole(), sound(), strict=True):
        front_end = MicroFrontend()
        theirs = [front_end.process_samples(hop.tobytes()).features for hop in stream.reshape(-1, 160)]
        expected = np.rint(np.array(theirs[2:]) * UNITS).astype(int)  # the first two hops fill no window
        assert row.shape == expected.shape
        assert np.abs(row - expected).max() == 0


def test_a_stream_in_pieces_is_the_whole():
    pieces, noise = [], NO_NOISE
    for first in range(0, 14 * 30, 14):
        units, noise = units_of(sound()[:, 160 * first : 160 * (first + 16)], noise)
        pieces.append(units)
    stepped = np.concatenate(pieces, axis=1)
    np.testing.assert_array_equal(stepped, whole()[:, : stepped.shape[1]])


def test_a_steady_noise_fades_and_a_quiet_voice_stays():
    """The purpose of the front end: it hears what changes, at any level."""
    noise = 300 * np.random.default_rng(0).standard_normal(sound().shape[1])
    word = np.concatenate([np.zeros(2 * 16_000), 32768 * tone_word(np.random.default_rng(1), "alexa")])
    streams = np.stack([noise, noise / 100])
    streams[:, : len(word)] += np.stack([np.zeros(len(word)), 0.1 * word])
    steady, voiced = np.asarray(units_of(streams.astype(np.int16), NO_NOISE)[0])
    assert steady[200:].mean() < 0.35 * steady[:3].mean()
    loud = np.asarray(units_of(np.stack([10 * streams[1], noise]).astype(np.int16), NO_NOISE)[0])[0]
    assert voiced[200:260].max() > 0.8 * loud[200:260].max()
