import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from s3rl_jax.data import noise
from s3rl_jax.data.corpus import read_corpus
from s3rl_jax.data.phrases import sentence, sound_alikes
from tests.conftest import run_module


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    out = str(tmp_path_factory.mktemp("spoken") / "corpus")
    done = run_module("prepare", "--synthesize=alexa", "--minutes=4", f"--out={out}")
    assert done.returncode == 0, done.stderr
    return out


def test_the_keyword_and_everything_else_is_spoken_in_each_split(spoken):
    speakers = {}
    for split in ("train", "validation", "test"):
        clips = read_corpus(spoken, split)
        speech = clips.columns["kind"] == "speech"
        speakers[split] = set(clips.columns["speaker"][speech])
        assert (clips.columns["kind"] == "noise").sum() >= len(noise.KINDS)
        if split != "validation":  # 4 minutes leave it a handful of clips
            assert (clips.columns["label"] == "alexa").sum() >= 2
            assert (speech & (clips.columns["label"] == "")).sum() >= 5
        for row in clips.rows(speech):
            assert np.abs(clips.audio(row).astype(int)).max() > 500
    assert not speakers["train"] & speakers["test"], "no voice stands in two splits"


def test_the_same_seed_says_the_same(spoken, tmp_path):
    # espeak-ng itself gives slightly different samples in a few clips of a hundred; words, voices and timing are fixed.
    done = run_module("prepare", "--synthesize=alexa", "--minutes=4", f"--out={tmp_path}/again")
    assert done.returncode == 0, done.stderr
    one, other = read_corpus(spoken, "test"), read_corpus(f"{tmp_path}/again", "test")
    assert len(one) == len(other)
    for name in one.columns:
        if name not in ("speech_start", "speech_end"):
            np.testing.assert_array_equal(one.columns[name], other.columns[name])
    same = [np.array_equal(one.audio(row), other.audio(row)) for row in range(len(one))]
    assert np.mean(same) > 0.8


def test_sound_alikes_of_alexa():
    found = sound_alikes("alexa")
    assert {"alex", "exa", "alexo"} <= set(found)
    assert "alexa" not in found
    assert len(found) == len(set(found)) > 20


@settings(max_examples=50, deadline=None)
@given(st.text("abcdefghijklmnopqrstuvwxyz ", min_size=3, max_size=20), st.integers(0, 1000))
def test_sound_alikes_of_anything_are_other_words(keyword, seed):
    assert all(other.strip() and other != keyword for other in sound_alikes(keyword))
    assert sentence(np.random.default_rng(seed)).strip()


@pytest.mark.parametrize(("exponent", "slope"), [(0.0, 0.0), (1.0, -1.0), (2.0, -2.0)])
def test_coloured_noise_falls_as_it_should(rng, exponent, slope):
    frequency, power = signal.welch(noise.coloured(rng, 160_000, exponent), 16_000, nperseg=2048)
    band = (frequency > 100) & (frequency < 6000)
    measured = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]
    assert measured == pytest.approx(slope, abs=0.1)


@pytest.mark.parametrize("kind", noise.KINDS)
def test_every_noise_is_finite_and_audible(rng, kind):
    audio = noise.generate(rng, kind, 1.0, [rng.standard_normal(4000)])
    assert audio.shape == (16_000,)
    assert np.isfinite(audio).all()
    assert 0.4 < np.abs(audio).max() <= 0.51
