import numpy as np
import pytest

from s3rl_jax.detect.firing import FiringSettings
from s3rl_jax.evaluate.curves import RATES, det_curve, operating_point
from s3rl_jax.evaluate.keyword_points import keyword_points, shortest_refractory
from s3rl_jax.evaluate.stream import PlacedClip, Stream
from s3rl_jax.evaluate.trial import Trial, trial_of_words

HOP, RATE = 1600, 16_000
FIRING = FiringSettings(refractory_seconds=2.0, smoothing_hops=1, patience=1, rearm=0.5)


def placed(label, second):
    start = second * RATE
    return PlacedClip(f"{label}{second}", "speech", label, "ann", True, start, start + RATE, start, start + RATE)


@pytest.fixture
def stream():
    words = [placed(label, second) for second in range(10, 3600, 20) for label in (("on", "off")[second // 20 % 2],)]
    return Stream(np.zeros(3600 * RATE, np.int16), tuple(words))


def test_each_keyword_gets_its_threshold_and_its_share_of_false_accepts(stream):
    posteriors = np.zeros((36_000, 3))
    for clip in stream.words:
        hop = clip.start // HOP
        # "off" is sure; "on" is not, and fires in every word "off" too, but lower.
        posteriors[hop : hop + 5, 1:] = (0.6, 0.0) if clip.label == "on" else (0.3, 0.9)
    posteriors[np.arange(50, 36_000, 3600), 1] = 0.5  # ten an hour that are no word
    points = keyword_points(stream, posteriors, ("on", "off"), HOP, FIRING)
    assert {name: point["positives"] for name, point in points.items()} == {"on": 90, "off": 90}
    assert points["on"]["threshold"]["0.5"] == pytest.approx(0.5, abs=1e-5), "just above what is no word"
    assert points["on"]["threshold"]["10"] == points["on"]["threshold"]["0.5"], "its share is five an hour, and ten fire"
    assert points["off"]["threshold"]["0.5"] == pytest.approx(0.9)
    assert points["off"]["frr_at_fa_per_hour"] == dict.fromkeys(RATES, 0.0)
    assert keyword_points(stream, np.zeros((36_000, 4)), ("on", "off", "stop"), HOP, FIRING) == {}, "no word of stop"


def test_one_keyword_has_the_thresholds_of_the_whole(stream, rng):
    posteriors = np.where(rng.random((36_000, 2)) < 0.01, rng.random((36_000, 2)), 0.0)
    only_on = Stream(stream.audio, tuple(clip for clip in stream.clips if clip.label == "on"))
    trial = trial_of_words(posteriors[:, 1], [(clip.start, clip.stop) for clip in only_on.clips], HOP, FIRING)
    points = keyword_points(only_on, posteriors, ("on",), HOP, FIRING)
    curve = det_curve(trial)
    expected = {rate: pytest.approx(operating_point(curve, float(rate)).threshold, abs=1e-6) for rate in RATES}
    assert points["on"]["threshold"] == expected


def test_the_refractory_time_is_as_short_as_one_firing_a_word_allows():
    scores = np.zeros(100)  # hops of 0.1 s
    scores[[20, 31]] = 0.9  # one word, heard again 1.1 s later
    trial = Trial(scores, np.array([(15, 40)]), 0.1, 20, rearm=0.5)
    assert shortest_refractory(trial, [0.8], 2.0) == 1.25
    assert shortest_refractory(trial, [0.95], 2.0) == 0.5
    scores[45] = 0.9  # in every case a firing of its own
    assert shortest_refractory(Trial(scores, np.array([(15, 40)]), 0.1, 20, rearm=0.5), [0.8], 2.0) == 1.25
