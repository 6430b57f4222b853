"""Any rate, chunk by chunk, as soxr resamples the whole."""

import sys

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.resampling import Resampler


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([4000, 8000, 11_025, 22_050, 44_100, 48_000, 192_000]), st.lists(st.integers(0, 9000), max_size=5))
def test_chunks_are_resampled_as_the_whole(rate, cuts):
    samples = np.random.default_rng(0).uniform(-1, 1, 9000).astype(np.float32)
    resampler = Resampler(rate, 16_000)
    parts = [resampler.process(part) for part in np.split(samples, sorted(cuts))]
    parts.append(resampler.process(np.zeros(0, np.float32), last=True))
    np.testing.assert_allclose(np.concatenate(parts), soxr.resample(samples, rate, 16_000), atol=1e-5)


def test_equal_rates_need_no_soxr(monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)
    samples = np.ones(10, np.float32)
    assert Resampler(16_000, 16_000).process(samples) is samples
    with pytest.raises(UserError, match=r"48000 Hz; expected 16000 Hz, or soxr: pip install 's3rl_jax\[runtime\]'"):
        Resampler(48_000, 16_000)
