import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from s3rl_jax.detect.firing import FiringState, firings, keyword_scores, refractory_hops, refractory_seconds, smooth


def reference(scores, threshold, refractory):
    fired = []
    for i, score in enumerate(scores):
        if score >= threshold and (not fired or i - fired[-1] > refractory):
            fired.append(i)
    return fired


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)), st.floats(0, 1), st.integers(0, 10))
def test_fires_as_a_loop_over_hops_would(scores, threshold, refractory):
    assert firings(scores, threshold, refractory).tolist() == reference(scores, threshold, refractory)


def test_smoothing_is_the_mean_of_the_last_hops(rng):
    posteriors = rng.random((9, 2))
    ours = smooth(posteriors, 3)
    padded = np.concatenate([np.zeros((2, 2)), posteriors])
    np.testing.assert_array_equal(ours, [padded[i : i + 3].mean(axis=0) for i in range(9)])


@st.composite
def streams(draw):
    """Posteriors of a stream, and a threshold that is often exactly one of its scores."""
    classes, hops = draw(st.integers(2, 14)), draw(st.integers(1, 60))
    dtype, width = draw(st.sampled_from([(np.float32, 32), (np.float64, 64)]))
    posteriors = draw(hnp.arrays(dtype, (hops, classes), elements=st.floats(0, 1, width=width)))
    smoothing = draw(st.integers(1, 9))
    scores = keyword_scores(posteriors, smoothing)
    threshold = draw(st.one_of(st.floats(0, 1), st.sampled_from([float(score) for score in scores])))
    return posteriors, smoothing, threshold


@settings(max_examples=300, deadline=None)
@given(streams(), st.integers(0, 10))
def test_a_stream_in_steps_scores_and_fires_as_the_whole_stream(stream, refractory):
    posteriors, smoothing, threshold = stream
    state = FiringState(threshold, refractory, smoothing)
    for _ in range(2):  # the second time after a reset
        steps = [state.step(hop) for hop in posteriors]
        scores, smoothed = keyword_scores(posteriors, smoothing), smooth(posteriors, smoothing)
        np.testing.assert_array_equal([hop.score for hop in steps], scores)
        np.testing.assert_array_equal([hop.smoothed for hop in steps], smoothed)
        fired = [i for i, hop in enumerate(steps) if hop.keyword is not None]
        assert fired == firings(scores, threshold, refractory).tolist()
        assert [steps[i].keyword for i in fired] == [1 + int(smoothed[i, 1:].argmax()) for i in fired]
        state.reset()


def test_any_keyword_fires_by_the_sum_of_the_posteriors():
    posteriors = np.array([[0.1, 0.4, 0.5]] * 3, np.float32)
    state = FiringState(threshold=0.85, refractory=5)
    assert [state.step(hop).keyword for hop in posteriors] == [None, None, 2]


def test_deafness_in_hops():
    assert refractory_hops(1280, 16_000) == 25
    assert refractory_hops(1600, 16_000, 1.0) == 10


def test_deafness_lasts_until_the_word_has_left_the_window():
    assert [refractory_seconds(window) for window in (0.2, 1.5, 2.0, 5.7)] == [2.0, 2.0, 2.5, 6.2]
