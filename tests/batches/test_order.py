import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from s3rl_jax.batches.order import permuted, records_at, uniforms


@given(size=st.integers(1, 3000), seed=st.integers(0, 2**32))
def test_it_is_a_permutation(size, seed):
    assert sorted(permuted(np.arange(size), size, (seed,))) == list(range(size))


def test_every_epoch_has_every_record_once_in_another_order():
    positions = np.arange(30)
    epochs = records_at((0,), positions, 10).reshape(3, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    np.testing.assert_array_equal(records_at((0,), np.array([25]), 10), epochs[2, 5:6])


def test_a_place_far_away_in_a_corpus_of_any_size_costs_nothing():
    places = np.arange(10**15, 10**15 + 64)
    chosen = records_at((3, 1), places, 10**10)
    assert len(set(chosen.tolist())) == 64
    assert chosen.min() >= 0
    assert chosen.max() < 10**10


def test_neighbours_are_as_far_apart_as_chance_has_it():
    order = records_at((1,), np.arange(100_000), 100_000) / 100_000
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.02
    assert abs(np.abs(np.diff(order)).mean() - 1 / 3) < 0.01
    counts = np.histogram2d(order[:-1], order[1:], 10, [[0, 1], [0, 1]])[0]
    assert np.square(counts - counts.mean()).sum() / counts.mean() < 150  # chi-squared of 99 degrees of freedom


def test_what_is_drawn_for_a_row_does_not_depend_on_the_host():
    whole = uniforms(0, 5, 16, range(16), 3)
    np.testing.assert_array_equal(uniforms(0, 5, 16, range(4, 8), 3), whole[4:8])
    assert not np.array_equal(whole, uniforms(0, 6, 16, range(16), 3))
