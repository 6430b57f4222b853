import numpy as np
import pytest

from s3rl_jax.evaluate.curves import det_curve, false_accepts_at, operating_point
from s3rl_jax.evaluate.relative_false_accepts import paired_false_accepts, relative_false_accepts, threshold_counts
from s3rl_jax.evaluate.trial import Trial

HOURS, HOP = 4, 1.0
WORDS = 60


def detector(rng, skill: float) -> Trial:
    """Words score around `skill`, everything else around 0; the same places for every detector."""
    scores = rng.normal(0, 1, HOURS * 3600)
    zones = [(i, i + 3) for i in range(100, 100 + 200 * WORDS, 200)]
    for first, _ in zones:
        scores[first] = rng.normal(skill, 1)
    return Trial(1 / (1 + np.exp(-scores)), np.array(zones), HOP, 0)


def by_hand(candidate: Trial, baseline: Trial, rate: float) -> float:
    """At the baseline's false rejects, the highest threshold of each that misses no more."""
    most = operating_point(det_curve(baseline), rate).frr

    def accepts(trial):
        thresholds = [t for t in np.unique(trial.peaks) if np.mean(trial.peaks < t) <= most + 1e-9]
        return len(trial.false_accepts(max(thresholds)))

    return accepts(candidate) / accepts(baseline)


@pytest.fixture(scope="module")
def detectors():
    rng = np.random.default_rng(3)
    return {skill: [detector(rng, skill) for _ in range(3)] for skill in (3.0, 4.0)}


@pytest.fixture(scope="module")
def speakers():
    return [f"s{i // 3}" for i in range(WORDS)]


def test_the_ratio_is_that_by_hand(detectors, speakers):
    good, base = detectors[4.0][0], detectors[3.0][0]
    ratio, (low, high) = relative_false_accepts([good], [base], speakers, 10.0)
    assert ratio == pytest.approx(by_hand(good, base, 10.0))
    assert low <= ratio <= high


def test_both_may_be_compared_at_a_given_false_reject_rate(detectors, speakers):
    good, base = detectors[4.0], detectors[3.0]
    paired = paired_false_accepts(good, base, speakers, rejects=0.05)
    accepts = [sum(false_accepts_at(det_curve(trial), 0.05).fa_per_hour for trial in trials) for trials in (good, base)]
    assert paired.ratio.ratio == pytest.approx(accepts[0] / accepts[1], rel=0.01)  # the curve has not all thresholds
    difference, (low, high) = paired.difference
    assert difference == pytest.approx((accepts[0] - accepts[1]) / 3, rel=0.01)
    assert low < difference < high < 0


def test_a_difference_has_an_interval_where_a_ratio_has_none(speakers):
    scores = np.zeros(3600)
    zones = np.array([(i, i + 3) for i in range(0, 300, 5)])
    scores[zones[:, 0]] = 0.9
    noisy = np.array(scores)
    noisy[1000] = 0.95
    quiet, loud = Trial(scores, zones, HOP, 0), Trial(noisy, zones, HOP, 0)
    paired = paired_false_accepts([quiet], [loud], speakers, rejects=0.05)
    assert paired.ratio.interval == [0.0, None]
    difference, (low, high) = paired.difference
    assert low < difference < 0 <= high


def test_a_detector_against_itself_is_one_without_doubt(detectors, speakers):
    base = detectors[3.0][0]
    assert relative_false_accepts([base], [base], speakers, 10.0) == (1.0, [1.0, 1.0])


def test_a_better_detector_is_seen_and_a_like_one_is_not(detectors, speakers):
    ratio, (_, high) = relative_false_accepts(detectors[4.0], detectors[3.0], speakers, 10.0)
    assert ratio < 0.6
    assert high < 1
    ratio, (low, high) = relative_false_accepts(detectors[3.0][:1], detectors[3.0][1:2], speakers, 10.0)
    assert low < 1 < high


def test_a_baseline_without_false_accepts_has_no_ratio(speakers):
    scores = np.zeros(3600)
    zones = np.array([(i, i + 3) for i in range(0, 300, 5)])
    scores[zones[:, 0]] = 0.9
    perfect = Trial(scores, zones, HOP, 0)
    assert relative_false_accepts([perfect], [perfect], speakers, 10.0) == (None, None)


def test_blocks_hold_every_false_accept(detectors):
    trial = detectors[3.0][0]
    counts = threshold_counts(trial)
    thresholds = np.append(np.unique(trial.peaks), np.inf)
    assert counts.accepts.sum(axis=1).tolist() == [len(trial.false_accepts(t)) for t in thresholds]
    assert counts.rejects[-1].all()
