import dataclasses

import numpy as np
import pytest

from s3rl_jax.evaluate.breakdown import breakdown, latencies, misses_by_group
from s3rl_jax.evaluate.curves import det_curve, false_accepts_at
from s3rl_jax.evaluate.intervals import poisson, speaker_interval
from s3rl_jax.evaluate.stream import PlacedClip, Stream
from s3rl_jax.evaluate.trial import Trial

SECOND = 16_000


def word(name, speaker, start, stop):
    return PlacedClip(name, "speech", "alexa", speaker, True, start * SECOND, stop * SECOND, start * SECOND, stop * SECOND)


@pytest.fixture
def trial():
    """Hops of a second. Words at 1-3, 5-7 and 10-12 s; the first is found at 3 s, the second at 8 s, the third not."""
    scores = np.zeros(30)
    scores[[2, 3, 7, 20]] = [0.9, 0.9, 0.8, 0.7]
    scores[11] = 0.1
    return Trial(scores, np.array([(1, 4), (5, 8), (10, 13)]), 1.0, refractory=2)


@pytest.fixture
def stream():
    words = (word("a", "ann", 1, 3), word("b", "bob", 5, 7), word("c", "bob", 10, 12))
    return Stream(np.zeros(30 * SECOND, np.int16), words, ((0, "rain"), (9 * SECOND, "wind")))


def test_a_hand_made_stream_broken_down(trial, stream):
    parts = breakdown(trial, stream, 0.5)
    # The first hop of a firing at i ends at i + 1 seconds.
    assert parts["latency_seconds"] == {"median": 0.5, "p95": pytest.approx(0.95), "most": 1.0}
    assert {name: (row["words"], row["missed"]) for name, row in parts["by_speaker"].items()} == {"bob": (2, 1), "ann": (1, 0)}
    assert list(parts["by_speaker"]) == ["bob", "ann"], "the worst first"
    assert parts["by_noise"]["rain"]["missed"] == 0
    assert parts["by_noise"]["wind"] == {
        "words": 1,
        "missed": 1,
        "frr": 1.0,
        "interval_95": parts["by_noise"]["wind"]["interval_95"],
        "false_accepts": 1,
    }
    assert breakdown(trial, stream, 0.99)["latency_seconds"] is None


def test_attributes_of_speakers_and_sources_of_false_accepts(trial, stream):
    parts = breakdown(trial, stream, 0.5)
    assert not {"by_sex", "by_age", "by_accent", "by_lang", "false_accepts_by_source"} & set(parts), "there are none"
    texts = {"ann": {"sex": "female", "source": "studio"}, "bob": {"source": "radio"}}
    words = [dataclasses.replace(clip, **texts[clip.speaker]) for clip in stream.clips]
    other = PlacedClip("d", "speech", "", "", False, 14 * SECOND, 23 * SECOND, 14 * SECOND, 23 * SECOND, source="radio")
    quiet = PlacedClip("e", "noise", "", "", False, 24 * SECOND, 30 * SECOND, 24 * SECOND, 30 * SECOND)
    parts = breakdown(trial, dataclasses.replace(stream, clips=(*words, other, quiet)), 0.5)
    assert {name: (row["words"], row["missed"]) for name, row in parts["by_sex"].items()} == {
        "unknown": (2, 1),
        "female": (1, 0),
    }
    assert "by_age" not in parts
    sources = parts["false_accepts_by_source"]
    assert {name: row["false_accepts"] for name, row in sources.items()} == {"radio": 1, "unknown": 0}
    assert list(sources) == ["radio", "unknown"], "the worst first"
    assert sources["radio"]["hours"] == pytest.approx(9 / 3600, abs=1e-4)
    assert sources["radio"]["fa_per_hour"] == pytest.approx(400)
    low, high = sources["radio"]["interval_95"]
    assert low < 400 < high


def test_latency_counts_from_the_end_of_the_word(trial):
    assert latencies(trial, np.array([3.0, 7.0, 12.0]), 0.5).tolist() == [0.0, 1.0]
    assert latencies(trial, np.array([4.0, 7.0, 12.0]), 0.5).tolist() == [-1.0, 1.0], "before the word was over"


def test_speakers_that_stand_or_fall_together_leave_more_uncertain():
    missed = np.repeat([True, False, False, False], 10)
    few = speaker_interval(missed, [name for name in "abcd" for _ in range(10)])
    many = speaker_interval(missed, [f"s{i}" for i in range(40)])
    assert few[0] <= many[0] < 0.25 < many[1] < few[1]
    low, high = many
    # Forty independent words: near the normal interval of a share.
    assert (high - low) == pytest.approx(2 * 1.96 * np.sqrt(0.25 * 0.75 / 40), rel=0.15)
    assert speaker_interval(np.zeros(4, bool), list("abcd")) is None
    assert speaker_interval(np.array([True, False]), ["a", "a"]) is None


def test_groups_have_wilsons_interval():
    groups = misses_by_group(np.repeat([True, False], [10, 90]), ["x"] * 100)
    np.testing.assert_allclose(groups["x"]["interval_95"], [0.0552, 0.1744], atol=1e-3)


def test_false_accepts_at_given_false_rejects(rng):
    scores = rng.random(4000)
    zones = [(i, i + 1) for i in range(0, 1000, 20)]
    trial = Trial(scores, np.array(zones), 0.5, 0)
    curve = det_curve(trial)
    for share in (0.0, 0.1, 0.5):
        point = false_accepts_at(curve, share)
        assert np.mean(trial.peaks < point.threshold) <= share
        count = len(trial.false_accepts(point.threshold))
        assert point.fa_per_hour == pytest.approx(count / trial.negative_hours)
        # One word more would be missed at the next threshold, so none is lower in false accepts.
        higher = curve.threshold[curve.threshold > point.threshold]
        assert not len(higher) or np.mean(trial.peaks < higher[0]) > share
        low, high = (end * trial.negative_hours for end in point.interval)
        assert low <= count <= high


def test_poissons_interval_of_known_counts():
    # Garwood's table.
    np.testing.assert_allclose(poisson(0), [0, 3.689], atol=1e-3)
    np.testing.assert_allclose(poisson(10), [4.795, 18.390], atol=1e-3)
