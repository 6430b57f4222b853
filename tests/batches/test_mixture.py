import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3rl_jax.batches.mixture import CYCLE, Mixture
from s3rl_jax.core.errors import UserError


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8).filter(lambda w: sum(w) > 1e-3), st.integers(0, 1000))
def test_shares_are_exact_and_no_record_of_a_pool_is_left_out(weights, seed):
    mixture = Mixture.of(weights, seed)
    pool, rank = mixture.pools_at(np.arange(3 * CYCLE))
    for number, weight in enumerate(weights):
        here = pool == number
        assert here.sum() == 3 * mixture.counts[number]
        np.testing.assert_array_equal(rank[here], np.arange(here.sum()))  # in the order of time
        assert (here.sum() > 0) == (weight > 0)
        assert abs(mixture.counts[number] - weight / sum(weights) * CYCLE) <= len(weights)


def test_any_stretch_can_be_asked_for_alone():
    mixture = Mixture.of([0.5, 0.2, 0.3], 1)
    whole = np.stack(mixture.pools_at(np.arange(2 * CYCLE)))
    np.testing.assert_array_equal(np.stack(mixture.pools_at(np.arange(990, 1010))), whole[:, 990:1010])


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1.0]])
def test_weights_that_cannot_be_are_refused(weights):
    with pytest.raises(UserError, match=r"config\.data\.mixture"):
        Mixture.of(weights, 0)
