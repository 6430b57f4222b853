import numpy as np

from s3rl_jax.batches.word_bounds import loudest_stretch, word_bounds
from s3rl_jax.corpus.corpus import read_corpus


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
