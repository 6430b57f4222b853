import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.audio.masking import masked_mean, span_mask, valid_frames


def runs(mask):
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False]))
    return edges.reshape(-1, 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31 - 1), st.lists(st.integers(1, 40), min_size=3, max_size=3))
def test_spans_are_whole_and_inside_the_utterance(seed, lengths):
    valid = valid_frames(jnp.array(lengths), 40)
    mask = np.asarray(span_mask(jax.random.key(seed), valid, 0.05, 5))
    for row, length in zip(mask, lengths, strict=True):
        assert row.any(), "every utterance has a masked frame"
        assert not row[length:].any()
        for start, stop in runs(row):
            assert stop - start >= 5 or stop == length, "only the utterance's end cuts a span"


def test_share_of_masked_frames_is_that_of_wav2vec2():
    # 1 - (1 - p)^span of the frames, far from the edges; and one more span for each utterance, anywhere in it.
    mask = span_mask(jax.random.key(0), jnp.ones((2000, 500), bool), 0.065, 10)
    expected = 1 - (1 - 0.065) ** 10 * (1 - 10 / 490)
    assert abs(float(mask[:, 20:-20].mean()) - expected) < 0.01


def test_masked_mean_is_numpys(rng):
    values, mask = rng.standard_normal((4, 6, 3)), rng.random((4, 6)) < 0.5
    mask[0] = False
    ours = np.asarray(masked_mean(values, jnp.array(mask)))
    np.testing.assert_allclose(ours[1:], [v[m].mean(axis=0) for v, m in zip(values[1:], mask[1:], strict=True)], rtol=1e-5)
    np.testing.assert_array_equal(ours[0], 0)
