import numpy as np
import pytest

from s3rl_jax.batches.word_bounds import long_word_seconds, loudest_stretch, window_warning, word_bounds
from s3rl_jax.corpus.corpus import Clips, read_corpus


def test_the_loudest_stretch():
    audio = np.zeros(1000, np.int16)
    audio[600:650] = 100
    assert loudest_stretch(audio, 0, 1000, 50) == (600, 650)


def test_bounds_are_the_corpus_s_but_for_words_that_are_too_long(corpus):
    clips = read_corpus(corpus, "train")
    words = clips.columns["label"] == "alexa"
    stated = np.stack([clips.columns["speech_start"], clips.columns["speech_end"]], axis=1)
    np.testing.assert_array_equal(word_bounds(clips, words, 16_000), stated)
    short = word_bounds(clips, words, 4000)
    assert (short[words, 1] - short[words, 0] == 4000).all()
    assert (short[words, 0] >= stated[words, 0]).all()
    assert (short[words, 1] <= stated[words, 1]).all()
    np.testing.assert_array_equal(short[~words], stated[~words])


def test_the_length_of_long_words_is_measured_on_keywords_alone():
    lengths = np.r_[np.full(90, 16_000), np.full(10, 72_000), np.full(50, 160_000)]
    clips = Clips({"speech_start": np.full(150, 100), "speech_end": 100 + lengths}, (), np.array([150]), 1)
    classes = np.r_[np.full(60, 1), np.full(40, 2), np.full(25, 0), np.full(25, -1)]
    assert long_word_seconds(clips, classes) == pytest.approx(4.5)
    assert long_word_seconds(clips, classes, share=0.5) == pytest.approx(1.0)
    assert long_word_seconds(clips, np.zeros(150, int)) == 0.0


def test_a_window_shorter_than_long_words_and_a_margin_is_warned_of():
    lengths = np.full(20, 24_000)
    clips = Clips({"speech_start": np.zeros(20, int), "speech_end": lengths}, (), np.array([20]), 1)
    assert window_warning(clips, np.ones(20, int), 1.8) == ""
    assert window_warning(clips, np.zeros(20, int), 0.2) == "", "no recording of a keyword"
    warning = window_warning(clips, np.ones(20, int), 1.5)
    assert warning.startswith("config.data.window_seconds=1.5: 5 % of the keyword's recordings have more than 1.50 s")
    assert "expected a window of 1.80 s or more" in warning
