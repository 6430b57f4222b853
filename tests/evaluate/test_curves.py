import numpy as np
import pytest
from sklearn import metrics

from s3rl_jax.evaluate.curves import det_curve, equal_error_and_area, operating_point
from s3rl_jax.evaluate.trial import Trial


def trial(scores, zones=((0, 0),), hop_seconds=1.0, refractory=0):
    return Trial(np.asarray(scores, float), np.asarray(zones), hop_seconds, refractory)


def test_a_hand_made_stream():
    # Three words: found at .9, found at .6, missed with .2. Negatives fire at .7 and, twice within a refractory time, .5.
    scores = [0, 0.9, 0, 0, 0.6, 0, 0, 0.2, 0, 0, 0.7, 0, 0, 0, 0.5, 0.5, 0]
    stream_trial = trial(scores, [(0, 3), (3, 6), (6, 9)], hop_seconds=3600 / 8, refractory=2)
    assert stream_trial.negative_hours == 1.0
    curve = det_curve(stream_trial)
    at = {round(t, 6): (r, a) for t, r, a in zip(curve.threshold, curve.false_rejects, curve.false_accepts, strict=True)}
    assert at[0.2] == (0, 2)
    assert at[0.6] == (1, 1)
    assert at[0.9] == (2, 0)
    point = operating_point(curve, 1.0)
    assert (point.frr, point.false_accepts, point.resolved) == (pytest.approx(1 / 3), 1, True)
    assert point.threshold == pytest.approx(0.5, abs=1e-6), "just above the score that would have fired once more"
    strict = operating_point(curve, 0.5)
    assert (strict.frr, strict.false_accepts, strict.resolved) == (pytest.approx(2 / 3), 0, False)


def test_a_score_that_outlasts_the_words_zone_is_no_second_firing():
    scores = [0, 0, 0.9, 0.9, 0.9, 0.9, 0, 0, 0.9, 0]
    assert trial(scores, [(1, 4)], refractory=3).false_accepts(0.5).tolist() == [8]
    assert trial(scores, [(1, 4)], refractory=1).false_accepts(0.5).tolist() == [4, 8]


def test_a_late_detection_is_a_miss_and_no_false_accept():
    stream_trial = Trial(np.array([0, 0.2, 0.2, 0.2, 0.9, 0, 0, 0.9]), np.array([(1, 4)]), 3600.0, 0, aftermath=2)
    assert stream_trial.peaks.tolist() == [0.2]
    assert stream_trial.false_accepts(0.5).tolist() == [7]
    assert stream_trial.negative_hours == 3.0


def test_the_threshold_of_an_operating_point_keeps_its_promise(rng):
    scores = rng.beta(1, 8, 20_000)
    zones = [(i, i + 10) for i in range(100, 20_000, 1000)]
    for first, last in zones:
        scores[first:last] = np.maximum(scores[first:last], rng.uniform(0.2, 1))
    stream_trial = trial(scores, zones, hop_seconds=0.5, refractory=4)
    curve = det_curve(stream_trial)
    for rate in (0.5, 1.0, 10.0, 100.0):
        point = operating_point(curve, rate)
        count = len(stream_trial.false_accepts(point.threshold))
        assert count == point.false_accepts
        assert count <= rate * stream_trial.negative_hours
        assert point.frr == np.mean(stream_trial.peaks < point.threshold)
    assert (np.diff(curve.false_rejects) >= 0).all()


def test_intervals_of_a_known_case():
    # 10 of 100 missed: Wilson 5.5 % to 17.4 %. Above the two negatives at .5, no false accept in 3 hours: less than
    # 3 / 3 an hour (rule of three).
    words, hours = 100, 3
    negatives = np.zeros(hours * 3600)
    negatives[[1000, 5000]] = 0.5
    scores = np.r_[np.repeat([0.1, 0.9], [10, 90]), negatives]
    point = operating_point(det_curve(trial(scores, [(i, i + 1) for i in range(words)])), 0.5)
    assert point.frr == 0.1
    np.testing.assert_allclose(point.frr_interval, [0.0552, 0.1744], atol=1e-3)
    assert point.fa_per_hour_upper == pytest.approx(1.0, abs=0.01)


def test_equal_error_and_area_are_scikit_learns(rng):
    scores = np.r_[rng.normal(2, 1, 50), rng.normal(0, 1, 400)]
    scores = 1 / (1 + np.exp(-scores))
    stream_trial = trial(scores, [(i, i + 1) for i in range(50)])
    eer, auc = equal_error_and_area(stream_trial, 1)
    truth = np.arange(450) < 50
    assert auc == pytest.approx(metrics.roc_auc_score(truth, scores))
    accept, detect, _ = metrics.roc_curve(truth, scores)
    assert eer == pytest.approx(np.interp(0, (accept - (1 - detect)), accept), abs=0.02)


def test_a_detector_that_scores_everything_alike_is_worthless():
    point = operating_point(det_curve(trial(np.full(5000, 0.5), [(10, 20)])), 0.1)
    assert point.frr == 1.0
    assert point.false_accepts == 0
