"""Television and babble: speech without the keyword, each recording once, and words in front of it."""

import dataclasses

import numpy as np
import pytest
from scipy import signal

from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.evaluate.programmes import BAND_HZ, VOICES, babble, cast_of, fitting_words, television
from s3rl_jax.evaluate.stream import Stream


@pytest.fixture(scope="module")
def clips(corpus):
    """With the room of the train split."""
    return read_corpus(corpus, "test+train")


@pytest.fixture(scope="module", params=[television, babble], ids=["television", "babble"])
def programme(request, clips):
    return request.param, request.param(clips, ("alexa",), 0)


def rms(audio):
    return np.sqrt(np.mean(np.square(audio.astype(float))))


def without_words(stream: Stream) -> np.ndarray:
    heard = np.ones(len(stream.audio), bool)
    for word in stream.words:
        heard[word.start : word.stop] = False
    return stream.audio[heard]


def test_it_holds_each_recording_once_and_no_keyword_but_the_words(programme, clips):
    make, stream = programme
    names = [clip.id for clip in stream.clips]
    assert len(names) == len(set(names))
    assert {clip.label for clip in stream.clips if not clip.positive} <= {"banana", ""}
    assert {clip.kind for clip in stream.clips} == {"speech"}
    assert {clip.label for clip in stream.words} == {"alexa"}
    negatives = [clip for clip in stream.clips if not clip.positive]
    expected = int(clips.columns["samples"][cast_of(clips, ("alexa",)).speech].sum())
    if make is television:
        assert sum(clip.stop - clip.start for clip in negatives) == len(stream.audio) == expected
    else:
        assert 0.8 * expected / VOICES < len(stream.audio) <= expected / VOICES
    assert [clip.start for clip in stream.clips] == sorted(clip.start for clip in stream.clips)
    assert all(0 <= clip.start < clip.stop <= len(stream.audio) for clip in stream.clips)


def test_it_is_the_same_each_time_and_another_with_another_seed(programme, clips):
    make, stream = programme
    np.testing.assert_array_equal(make(clips, ("alexa",), 0).audio, stream.audio)
    assert make(clips, ("alexa",), 1).clips != stream.clips


def test_words_stand_ten_decibels_above_it_and_apart(programme, clips):
    make, stream = programme
    level = rms(without_words(stream))
    for word in stream.words:
        said = stream.audio[word.speech_start : word.speech_stop]
        assert 10 * np.log10(rms(said) ** 2 / level**2) == pytest.approx(10.5, abs=2), "the word and what is behind it"
    starts = [word.start for word in stream.words]
    assert len(starts) >= fitting_words(clips, cast_of(clips, ("alexa",)), 1 if make is television else VOICES) > 0
    assert len(starts) > 1 or make is babble
    ends = [word.stop for word in stream.words]
    assert all(start - stop >= 0 for start, stop in zip(starts[1:], ends, strict=False))


def test_television_has_a_narrow_band_music_and_a_room(clips):
    stream = television(clips, ("alexa",), 0)
    frequencies, density = signal.welch(without_words(stream).astype(float), 16_000, nperseg=1024)
    inside = (frequencies > 2 * BAND_HZ[0]) & (frequencies < BAND_HZ[1])
    assert density[frequencies > 1.4 * BAND_HZ[1]].mean() < 0.01 * density[inside].mean()
    assert density[frequencies < BAND_HZ[0] / 3].mean() < 0.01 * density[inside].mean()
    dry = dataclasses.replace(
        clips, columns=clips.columns | {"kind": np.where(clips.columns["kind"] == "noise", "noise", "speech")}
    )
    assert (television(dry, ("alexa",), 0).audio[:8000] != stream.audio[:8000]).any()


def test_several_voices_speak_at_once_until_the_end(clips):
    stream = babble(clips, ("alexa",), 0)
    for position in np.linspace(0, len(stream.audio) - 1, 50).astype(int):
        speaking = [clip for clip in stream.clips if not clip.positive and clip.start <= position < clip.stop]
        assert len(speaking) == VOICES


def test_music_is_noise_that_is_labelled_as_music(clips):
    noise = np.flatnonzero(clips.columns["kind"] == "noise")
    assert cast_of(clips, ("alexa",)).music.tolist() == noise.tolist()
    label = clips.columns["label"].copy()
    label[noise[0]] = "Music, jazz"
    with_music = dataclasses.replace(clips, columns=clips.columns | {"label": label})
    assert cast_of(with_music, ("alexa",)).music.tolist() == [noise[0]]


def test_the_recording_behind_a_word_is_that_of_the_programme(clips):
    stream = television(clips, ("alexa",), 0)
    word = stream.words[0]
    after = (word.stop + 100) / 16_000
    assert not stream.clip_at(after).positive
    assert stream.clip_at(after).start <= word.stop + 100 < stream.clip_at(after).stop
    assert stream.clip_at((word.start + 100) / 16_000) == word
