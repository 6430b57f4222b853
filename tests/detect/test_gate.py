import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.detector import Detector
from s3rl_jax.detect.gate import Gate, hold_hops
from tests.detect.test_verifier import write

SILENT, LOUD = np.full(10, 1e-4, np.float32), np.full(10, 0.1, np.float32)  # -80 and -20 dB


def test_the_model_sleeps_after_silence_and_hears_the_hop_before_it_wakes():
    gate = Gate(-60.0, hold=2)
    before = np.full(10, 9e-5, np.float32)
    given = [len(gate.step(hop)) for hop in (SILENT, SILENT, SILENT, before)]
    assert given == [1, 1, 0, 0]
    assert gate.asleep == 2
    waking = gate.step(LOUD)
    assert waking[0] is before
    assert waking[1] is LOUD
    assert gate.asleep == 1
    assert [len(gate.step(hop)) for hop in (LOUD, SILENT, SILENT, SILENT)] == [1, 1, 1, 0]
    gate.reset()
    assert len(gate.step(SILENT)) == 1


def test_a_window_of_silence_is_held():
    assert [hold_hops(window, 2560) for window in (24_000, 25_600, 40_960)] == [10, 10, 16]


def test_a_gated_detector_scores_sound_as_an_open_one_does(tmp_path, rng):
    path = write(tmp_path, "model")
    open_one, gated = Detector(path), Detector(path, gate_db=-60.0)
    hops = 2 * hold_hops(open_one.window, open_one.hop)
    loud = 0.1 * rng.standard_normal(20 * open_one.hop)
    audio = np.concatenate([loud, np.zeros(hops * open_one.hop), loud])
    for detector in (open_one, gated):
        detector.process(audio)
    assert open_one.asleep == 0
    assert gated.asleep == hops // 2 - 1, "one hop is heard again before the sound"
    np.testing.assert_array_equal(gated.posteriors[-20:], open_one.posteriors[-20:])
    assert [row[0] for row in gated.posteriors[20 + hops // 2 : 20 + hops]] == [1.0] * (hops // 2)
    with pytest.raises(UserError, match="a gate of 3 dB: expected -120 to 0 dB of full scale"):
        Detector(path, gate_db=3.0)
