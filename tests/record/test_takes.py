"""Takes are cut at the speech, whatever the room and the division of the stream, and each fault is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3rl_jax.record.quality import fault_of
from s3rl_jax.record.takes import TakeCutter
from tests.conftest import tone_word

SECOND = 16_000


def stream(word, seconds=3.0, at=1.5, room=0.001):
    """A stream of a noisy room, with a word at a second."""
    samples = room * np.random.default_rng(0).standard_normal(int(seconds * SECOND))
    samples[int(at * SECOND) :][: len(word)] += word[: len(samples) - int(at * SECOND)]
    return samples.astype(np.float32).clip(-1, 1)


def takes(samples, cuts=()):
    cutter = TakeCutter()
    pushed = [cutter.push(part) for part in np.split(samples, sorted(cuts))]
    return [take for take in pushed if take is not None]


@pytest.fixture
def word(rng):
    return tone_word(rng, "alexa")


def test_a_take_holds_the_word_with_silence_around_it(word):
    (take,) = takes(stream(word))
    assert len(take.samples) == take.stop - take.start + 2 * 4800
    assert 0.3 * SECOND < take.stop - take.start <= 0.6 * SECOND, "a word fades in and out"
    first = int(1.5 * SECOND)
    inside = stream(word)[first : first + 9600]
    assert np.square(take.samples).sum() == pytest.approx(np.square(inside).sum(), rel=0.01)
    assert fault_of(take) is None


@given(st.lists(st.integers(0, 3 * SECOND), max_size=5))
def test_any_division_of_the_stream_gives_the_same_take(cuts):
    samples = stream(tone_word(np.random.default_rng(1), "alexa"))
    ((whole,), (parts,)) = takes(samples), takes(samples, cuts)
    np.testing.assert_array_equal(parts.samples, whole.samples)
    assert parts[1:] == whole[1:]


def test_a_click_and_silence_are_no_takes(word):
    assert not takes(stream(0.5 * np.ones(800)))
    assert not takes(np.zeros(4 * SECOND, np.float32))
    assert not takes(stream(word[:0]))


@pytest.mark.parametrize(
    ("samples", "fault"),
    [
        (lambda word: stream(4 * word), "too loud: it reaches full scale"),
        (lambda word: stream(0.01 * word, room=0.0), "too quiet: -5"),
        (lambda word: stream(0.3 * word, room=0.02), "above the noise of the room"),
        (
            lambda word: stream(np.tile(0.2 * np.sin(np.arange(160) / 3), 900), seconds=12.0),
            "cut off: there is no pause within 8 s",
        ),
        (lambda word: stream(word[3000:], at=1.0), "cut off: it begins in the middle"),
    ],
    ids=["loud", "quiet", "noisy", "long", "early"],
)
def test_each_fault_is_named(word, samples, fault):
    (take, *_) = takes(samples(word))
    assert fault in fault_of(take)


def test_a_room_that_becomes_louder_is_measured_anew(word):
    hum = np.tile(0.02 * np.sin(np.arange(1600) * 2 * np.pi * 50 / SECOND), 120)
    samples = np.concatenate([np.zeros(2 * SECOND), hum]).astype(np.float32)
    samples[11 * SECOND :][: len(word)] += word.astype(np.float32)
    faults = [fault_of(take) for take in takes(samples, range(1600, len(samples), 1600))]
    assert "no pause" in faults[0]
    assert faults[1:] == [None]
