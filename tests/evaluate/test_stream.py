import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.evaluate.degradations import with_noise
from s3rl_jax.evaluate.stream import build_stream


@pytest.fixture(scope="module")
def clips(corpus):
    return read_corpus(corpus, "test")


@pytest.fixture(scope="module")
def stream(clips):
    return build_stream(clips, ("alexa",), 0)


def test_every_recording_stands_in_the_stream_once_where_it_is_said_to(clips, stream):
    assert sorted(clip.id for clip in stream.clips) == sorted(clips.columns["id"])
    rows = {name: row for row, name in enumerate(clips.columns["id"])}
    for clip in stream.clips:
        np.testing.assert_array_equal(stream.audio[clip.start : clip.stop], clips.audio(rows[clip.id]))
        assert clip.positive == (clip.label == "alexa")
        assert clip.start <= clip.speech_start < clip.speech_stop <= clip.stop
    assert build_stream(clips, ("alexa",), 0).clips == stream.clips
    assert build_stream(clips, ("alexa",), 1).clips != stream.clips


@pytest.mark.parametrize("snr", [10.0, 0.0])
def test_noise_stands_where_it_was_asked_for(clips, stream, snr):
    noisy = with_noise(stream, clips, snr, 0)
    for clip in stream.clips:
        if clip.kind != "speech":
            continue
        speech = stream.audio[clip.speech_start : clip.speech_stop].astype(float)
        # The noise's power behind the whole recording, its gaps included.
        added = noisy.audio[clip.start : clip.stop].astype(float) - stream.audio[clip.start : clip.stop]
        measured = 10 * np.log10(np.mean(speech**2) / np.mean(added**2))
        assert measured == pytest.approx(snr, abs=0.1)


def test_without_the_keyword_there_is_nothing_to_measure(clips):
    with pytest.raises(UserError, match="zorro"):
        build_stream(clips, ("zorro",), 0)
