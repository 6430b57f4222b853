import numpy as np
import pytest

from s3rl_jax.batches.word_lengths import long_word_seconds, window_for, word_seconds
from s3rl_jax.corpus.corpus import Clips

RATE = 16_000


def recording(rng, *parts):
    """Speech-like noise and silence, by turns of seconds and loudness, in faint noise."""
    pieces = [rng.normal(0, loudness, int(seconds * RATE)) for seconds, loudness in parts]
    return np.concatenate(pieces).astype(np.int16)


class Recordings(Clips):
    """A corpus in memory."""

    def audio(self, row):
        return self.columns["audio"][row]


def corpus(recordings, placed=None):
    audio = np.empty(len(recordings), object)
    audio[:] = recordings
    ends = np.array([len(samples) for samples in recordings])
    columns = {"audio": audio, "speech_start": np.zeros(len(ends), int), "speech_end": ends, "samples": ends}
    if placed is not None:
        columns["placed"] = placed
    return Recordings(columns, (), np.array([len(ends)]), 1)


@pytest.mark.parametrize("noise", [0, 30, 200])
def test_noise_around_a_word_is_not_counted(rng, noise):
    assert word_seconds(recording(rng, (1.0, noise), (0.7, 3000), (1.5, noise))) == pytest.approx(0.7, abs=0.06)


def test_pauses_within_a_phrase_are_counted_and_other_sounds_are_not(rng):
    phrase = ((0.4, 3000), (0.3, 20), (0.8, 2000))
    assert word_seconds(recording(rng, (0.5, 20), *phrase, (0.5, 20))) == pytest.approx(1.5, abs=0.06)
    assert word_seconds(recording(rng, *phrase, (1.0, 20), (0.1, 1500))) == pytest.approx(1.5, abs=0.06)


@pytest.mark.parametrize("samples", [0, 1, 319, 900])
def test_what_is_too_short_is_as_long_as_it_is(samples):
    assert word_seconds(np.ones(samples, np.int16)) == pytest.approx(samples / RATE)


def test_silence_has_a_length():
    assert 0 < word_seconds(np.zeros(RATE, np.int16)) <= 1.0


def test_the_longest_keyword_counts_and_other_recordings_do_not(rng):
    word, phrase, other = (recording(rng, (seconds, 3000)) for seconds in (0.6, 4.5, 9.0))
    clips = corpus([word] * 90 + [phrase] * 10 + [other] * 5 + [other])
    classes = np.r_[np.full(90, 1), np.full(10, 2), np.full(5, 0), -1]
    assert long_word_seconds(clips, classes) == pytest.approx(4.5, abs=0.06)
    assert long_word_seconds(clips, np.minimum(classes, 1)) < 4.6
    assert long_word_seconds(clips, np.zeros(106, int)) == 0.0
    assert long_word_seconds(clips, np.where(classes == 1, 1, 0)) == pytest.approx(0.6, abs=0.06)


def test_one_recording_in_a_hundred_is_no_measure(rng):
    clips = corpus([recording(rng, (0.6, 3000))] * 99 + [recording(rng, (9.0, 3000))])
    assert long_word_seconds(clips, np.ones(100, int)) == pytest.approx(0.6, abs=0.06)


def test_a_place_that_is_stated_is_believed(rng):
    clips = corpus([recording(rng, (2.0, 10), (0.5, 3000))] * 4, placed=np.ones(4, bool))
    assert long_word_seconds(clips, np.ones(4, int)) == pytest.approx(2.5)


@pytest.mark.parametrize(("word", "window"), [(0.0, 0.0), (1.2, 1.5), (1.21, 1.6), (4.5, 5.7), (4.48, 5.6)])
def test_the_window_leaves_a_margin_of_a_fifth(word, window):
    assert window_for(word) == window
