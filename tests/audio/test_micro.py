import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s3rl_jax.audio.front_end import FRONT_ENDS, MICRO
from s3rl_jax.audio.micro import DEVIATION, UNITS, micro_units
from tests.conftest import tone_word

units_of = jax.jit(micro_units)
NO_NOISE = jnp.zeros(40, jnp.uint32)


@functools.cache
def sound() -> np.ndarray:
    """A minute: words, noise of all levels that comes and goes, silence, what clips, a tone, clicks."""
    rng, second = np.random.default_rng(3), 16_000
    words = np.concatenate([np.concatenate([tone_word(rng, word), np.zeros(3200)]) for word in ("alexa", "banana") * 5])
    levels = np.repeat(10.0 ** rng.uniform(-5, 0, 200), 1600)
    parts = (
        words + 1e-3 * rng.standard_normal(len(words)),
        levels * rng.standard_normal(len(levels)),
        np.zeros(5 * second),
        np.sign(np.sin(2 * np.pi * 440 * np.arange(5 * second) / second)),
        np.full(1000, -1.0),
        np.sin(2 * np.pi * 1000 * np.arange(5 * second) / second),
        (rng.random(5 * second) < 1e-3) * rng.uniform(-1, 1, 5 * second),
        3e-5 * rng.standard_normal(5 * second),
    )
    audio = np.concatenate([*parts, *parts[:1]])
    return np.clip(np.round(32768 * audio), -32768, 32767).astype(np.int16)[: len(audio) // 160 * 160]


@pytest.mark.skipif(not importlib.util.find_spec("pymicro_features"), reason="no pymicro-features on this machine")
def test_every_number_is_that_of_tensorflow_lite_micro():
    from pymicro_features import MicroFrontend

    theirs, front_end = [], MicroFrontend()
    for hop in sound().reshape(-1, 160):
        theirs.append(front_end.process_samples(hop.tobytes()).features)
    expected = np.rint(np.array(theirs[2:]) * UNITS).astype(int)  # the first two hops fill no window
    ours = np.asarray(units_of(sound(), NO_NOISE)[0])
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() == 0


def test_a_stream_in_pieces_is_the_whole():
    whole = units_of(sound(), NO_NOISE)[0]
    pieces, noise = [], NO_NOISE
    for first in range(0, len(whole) - 13, 14):
        units, noise = units_of(sound()[160 * first : 160 * (first + 16)], noise)
        pieces.append(units)
    stepped = np.concatenate(pieces)
    np.testing.assert_array_equal(stepped, whole[: len(stepped)])


def test_a_batch_is_its_rows():
    audio = sound()[:5120].reshape(2, 2560).astype(np.float32) / 32768
    features = jax.jit(FRONT_ENDS[MICRO].clip_features)(audio)
    units = [units_of(row, NO_NOISE)[0] for row in sound()[:5120].reshape(2, 2560)]
    np.testing.assert_allclose(features * UNITS * DEVIATION, units, rtol=1e-6)


def test_a_steady_noise_fades_and_a_quiet_voice_stays():
    """The purpose of the front end: what changes is heard at any level."""
    rng = np.random.default_rng(0)
    noise = 300 * rng.standard_normal(4 * 16_000)
    units = np.asarray(units_of(noise.astype(np.int16), NO_NOISE)[0])
    assert units[200:].mean() < 0.35 * units[:3].mean()
    word = np.concatenate([np.zeros(2 * 16_000), 32768 * tone_word(rng, "alexa")])
    loud, quiet = (
        np.asarray(units_of((gain * word + noise[: len(word)] / 100).astype(np.int16), NO_NOISE)[0]) for gain in (1, 0.1)
    )
    assert quiet[200:].max() > 0.8 * loud[200:].max()
