import numpy as np
import pytest

from s3rl_jax.detect.firing import FiringSettings
from s3rl_jax.evaluate.trial import trial_of_words

RATE = 16_000


@pytest.mark.parametrize(("deaf", "first_false"), [(1.0, 4.0), (2.0, 4.0), (6.0, 8.0)])
def test_a_firing_is_neither_right_nor_false_while_the_word_may_be_in_the_window(deaf, first_false):
    posteriors = np.zeros(100)  # 10 s
    trial = trial_of_words(posteriors, [(RATE, 2 * RATE)], RATE // 10, FiringSettings(deaf, patience=1))
    assert trial.zones.tolist() == [[10, 30]], "from the begin of the word to a second after its end"
    assert np.flatnonzero(trial.outside[10:])[0] / 10 + 1 == pytest.approx(first_false)
