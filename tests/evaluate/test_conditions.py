"""What a stream goes through: by power, by SciPy's convolution, by who is decoded."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.evaluate.conditions import noise_names, open_conditions
from s3rl_jax.evaluate.degradations import reverberant, through_codec, with_noise
from s3rl_jax.evaluate.stream import build_stream


@pytest.fixture(scope="module")
def clips(corpus):
    return read_corpus(corpus, "test+train")


@pytest.fixture(scope="module")
def stream(clips):
    return build_stream(clips, ("alexa",), 0)


def relabelled(clips, **columns):
    return dataclasses.replace(clips, columns=clips.columns | columns)


def test_all_conditions_that_a_split_can_show_and_why_not_the_others(clips):
    made, missing = open_conditions(clips, ("alexa",))
    assert list(made) == ["clean", "snr_20", "snr_10", "snr_5", "snr_0", "reverberant", "codec", "television", "babble"]
    assert list(missing) == ["playback"]
    some, _ = open_conditions(clips, ("alexa",), ("codec", "clean"))
    assert list(some) == ["clean", "codec"]
    with pytest.raises(UserError, match=r"--conditions: snr_3: expected some of clean"):
        open_conditions(clips, ("alexa",), ("snr_3",))
    for make in made.values():
        np.testing.assert_array_equal(make().audio, make().audio)


def test_each_kind_of_noise_by_itself(clips, stream):
    noise = np.flatnonzero(clips.columns["kind"] == "noise")
    label = clips.columns["label"].copy()
    label[noise] = ["rain", "a dog's bark"][: len(noise)]
    made = relabelled(clips, label=label)
    names = list(open_conditions(made, ("alexa",), by_noise=True)[0])
    assert {"snr_5:rain", "snr_5:a_dog_s_bark", "snr_5"} <= set(names)
    some = list(open_conditions(made, ("alexa",), ("snr_5",), by_noise=True)[0])
    assert some == ["snr_5", "snr_5:a_dog_s_bark", "snr_5:rain"]
    mixed = with_noise(stream, made, 10.0, 0)
    assert {kind for _, kind in mixed.noises} == {"rain", "a dog's bark"}
    starts = [start for start, _ in mixed.noises]
    assert starts == sorted(starts)
    assert mixed.noise_at(0.0) == mixed.noises[0][1]
    assert mixed.noise_at(starts[1] / 16_000) == mixed.noises[1][1]
    only = with_noise(stream, made, 10.0, 0, "rain")
    assert {kind for _, kind in only.noises} == {"rain"}
    assert (only.audio != mixed.audio).any()


@settings(max_examples=200, deadline=None)
@given(
    st.sets(st.one_of(st.text(min_size=1), st.sampled_from(["rain 1", "rain-1", "rain_1_2", "RAIN 1", "дождь", "雨", "☔"])))
)
def test_each_label_of_noise_has_a_name_of_its_own(labels):
    names = noise_names(labels)
    assert set(names) == labels
    assert len(set(names.values())) == len(labels)
    assert all(re.fullmatch(r"\w+", name) for name in names.values())


def test_names_of_noise_can_be_read():
    labels = ["rain 1", "rain-1", "Дождь", "雨", "☔", "a dog's bark"]
    assert noise_names(labels) == {
        "a dog's bark": "a_dog_s_bark",
        "rain 1": "rain_1",
        "rain-1": "rain_1_2",
        "Дождь": "дождь",
        "☔": "noise",
        "雨": "雨",
    }


def test_labels_that_look_alike_are_measured_apart(clips):
    label = clips.columns["label"].copy()
    noise = np.flatnonzero(clips.columns["kind"] == "noise")
    label[noise] = ["rain 1", "rain-1"][: len(noise)]
    streams, _ = open_conditions(relabelled(clips, label=label), ("alexa",), ("snr_0",), by_noise=True)
    assert list(streams) == ["snr_0", "snr_0:rain_1", "snr_0:rain_1_2"]
    assert {kind for _, kind in streams["snr_0:rain_1"]().noises} == {"rain 1"}
    assert {kind for _, kind in streams["snr_0:rain_1_2"]().noises} == {"rain-1"}


def test_a_room_is_scipys_convolution_as_loud_as_before(clips, stream):
    wet = reverberant(stream, clips, 0)
    (row,) = clips.rows(clips.columns["kind"] == "impulse_response")
    room = clips.audio(row).astype(float)
    room = room[np.argmax(np.abs(room)) :]
    clip = stream.clips[0]
    dry = stream.audio[clip.start : clip.stop].astype(float)
    wanted = signal.convolve(dry, room)[: len(dry)]
    wanted *= np.sqrt(np.mean(dry**2) / np.mean(wanted**2))
    np.testing.assert_allclose(wet.audio[clip.start : clip.stop], wanted, atol=1.0)
    assert wet.clips == stream.clips


def test_a_codec_keeps_time_and_loses_little(stream):
    decoded = through_codec(stream)
    assert len(decoded.audio) == len(stream.audio)
    assert (decoded.audio != stream.audio).any()
    loud = next(iter(stream.words))
    a, b = (s.audio[loud.start : loud.stop].astype(float) for s in (stream, decoded))
    lag = np.argmax(signal.correlate(a, b, "full")) - (len(b) - 1)
    assert abs(lag) <= 8, "half a millisecond"
    assert np.corrcoef(a, b)[0, 1] > 0.8


def test_playback_is_a_stream_of_its_own(clips):
    condition = clips.columns["condition"].copy()
    alexa = np.flatnonzero(clips.columns["label"] == "alexa")
    other = np.flatnonzero(clips.columns["label"] == "banana")
    condition[np.r_[alexa[:2], other[:3]]] = "playback"
    made, missing = open_conditions(relabelled(clips, condition=condition), ("alexa",))
    assert not missing
    played, clean = made["playback"](), made["clean"]()
    assert len(played.clips) == 5
    assert len(played.words) == 2
    assert not {clip.id for clip in played.clips} & {clip.id for clip in clean.clips}
