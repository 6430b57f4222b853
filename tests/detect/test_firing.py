import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from s3rl_jax.detect.firing import (
    FiringRule,
    FiringState,
    detections,
    firings,
    keyword_scores,
    refractory_hops,
    refractory_seconds,
    smooth,
)
from tests.detect.firing_streams import hard_streams, hour_streams


def reference(scores, threshold, refractory, patience, rearm):
    fired = []
    for i, score in enumerate(scores):
        patient = i + 1 >= patience and min(scores[i + 1 - patience : i + 1]) >= threshold
        rested = not fired or i - fired[-1] > refractory
        fell = not fired or rearm is None or min(scores[fired[-1] + 1 : i + 1]) < rearm * threshold
        if score >= threshold and patient and rested and fell:
            fired.append(i)
    return fired


PATIENCE, REARM = st.integers(1, 4), st.none() | st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)), st.floats(0, 1), st.integers(0, 10), PATIENCE, REARM
)
def test_fires_as_a_loop_over_hops_would(scores, threshold, refractory, patience, rearm):
    fired = firings(scores, threshold, refractory, patience, rearm)
    assert fired.tolist() == reference(scores, threshold, refractory, patience, rearm)


def test_smoothing_is_the_mean_of_the_last_hops(rng):
    posteriors = rng.random((9, 2))
    ours = smooth(posteriors, 3)
    padded = np.concatenate([np.zeros((2, 2)), posteriors])
    np.testing.assert_array_equal(ours, [padded[i : i + 3].mean(axis=0) for i in range(9)])


@st.composite
def streams(draw):
    """Posteriors of a stream, and a rule whose thresholds are often exactly one of its scores."""
    classes, hops = draw(st.integers(2, 14)), draw(st.integers(1, 60))
    dtype, width = draw(st.sampled_from([(np.float32, 32), (np.float64, 64)]))
    posteriors = draw(hnp.arrays(dtype, (hops, classes), elements=st.floats(0, 1, width=width)))
    smoothing, count = draw(st.integers(1, 9)), draw(st.sampled_from([1, classes - 1]))
    scores = keyword_scores(posteriors, smoothing) if count == 1 else smooth(posteriors, smoothing)[:, 1:].ravel()
    threshold = st.floats(0, 1) | st.sampled_from([float(score) for score in scores])
    thresholds = draw(st.tuples(*[threshold] * count))
    refractory = draw(st.tuples(*[st.integers(0, 10)] * count))
    return posteriors, FiringRule(thresholds, refractory, smoothing, draw(PATIENCE), draw(REARM))


@settings(max_examples=300, deadline=None)
@given(streams())
def test_a_stream_in_steps_scores_and_fires_as_the_whole_stream(stream):
    posteriors, rule = stream
    state = FiringState(rule)
    for _ in range(2):  # the second time after a reset
        steps = [state.step(hop) for hop in posteriors]
        smoothed = smooth(posteriors, rule.smoothing_hops)
        np.testing.assert_array_equal([hop.smoothed for hop in steps], smoothed)
        if len(rule.thresholds) == 1:
            scores = keyword_scores(posteriors, rule.smoothing_hops)
            np.testing.assert_array_equal([hop.score for hop in steps], scores)
            fired = [i for i, hop in enumerate(steps) if hop.keyword is not None]
            assert fired == firings(scores, rule.thresholds[0], rule.refractory[0], rule.patience, rule.rearm).tolist()
            assert [steps[i].keyword for i in fired] == [1 + int(smoothed[i, 1:].argmax()) for i in fired]
        assert [hop.keyword or 0 for hop in steps] == detections(posteriors, rule).tolist()
        state.reset()


def test_both_forms_agree_hop_for_hop_for_an_hour():
    for stream in (*hour_streams(), *hard_streams()):
        assert detections(stream.posteriors, stream.rule).tolist() == stream.keywords
    assert [len(set(stream.keywords)) for stream in hour_streams()] == [2, 4], "each keyword fires"


def test_any_keyword_fires_by_the_sum_of_the_posteriors():
    posteriors = np.array([[0.1, 0.4, 0.5]] * 3, np.float32)
    state = FiringState(FiringRule(thresholds=(0.85,), refractory=(5,)))
    assert [state.step(hop).keyword for hop in posteriors] == [None, None, 2]


def test_each_keyword_has_its_threshold_and_its_deafness():
    posteriors = np.array([[0.1, 0.5, 0.4]] * 4, np.float32)
    rule = FiringRule(thresholds=(0.6, 0.3), refractory=(5, 2), smoothing_hops=1)
    assert detections(posteriors, rule).tolist() == [2, 0, 0, 2]
    assert detections(posteriors, rule._replace(thresholds=(0.45, 0.3))).tolist() == [1, 0, 0, 2], "one detection a hop"


@pytest.mark.parametrize(("rearm", "fired"), [(None, [0, 3, 6]), (1.0, [0]), (0.5, [0])])
def test_a_score_that_stays_high_fires_once(rearm, fired):
    assert firings(np.full(8, 0.9), 0.8, 2, rearm=rearm).tolist() == fired


def test_it_is_armed_again_below_the_lower_threshold():
    scores = np.array([0.9, 0.5, 0.9, 0.9, 0.3, 0.9])
    assert firings(scores, 0.8, 0, rearm=0.5).tolist() == [0, 5]
    assert firings(scores, 0.8, 0, rearm=1.0).tolist() == [0, 2, 5]


def test_patience_needs_hops_in_a_row():
    scores = np.array([0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.9])
    assert firings(scores, 0.8, 0, patience=3, rearm=0.5).tolist() == [5]


def test_deafness_in_hops():
    assert refractory_hops(1280, 16_000) == 25
    assert refractory_hops(1600, 16_000, 1.0) == 10


def test_deafness_lasts_until_the_word_has_left_the_window():
    assert [refractory_seconds(window) for window in (0.2, 1.5, 2.0, 5.7)] == [2.0, 2.0, 2.5, 6.2]
