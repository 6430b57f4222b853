import numpy as np
import pytest

from s3rl_jax.audio.power import frame_power


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_the_power_is_the_mean_square_of_whole_frames(rng, kind):
    samples = (1000 * rng.standard_normal(1037)).astype(kind)
    expected = [sum(float(x) ** 2 for x in samples[first : first + 100]) / 100 for first in range(0, 1000, 100)]
    np.testing.assert_allclose(frame_power(samples, 100), expected, rtol=1e-12)
    assert not len(frame_power(samples[:99], 100))
