import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from s3rl_jax.detect.firing import firings, smooth


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
    np.testing.assert_allclose(ours, [padded[i : i + 3].mean(axis=0) for i in range(9)])
