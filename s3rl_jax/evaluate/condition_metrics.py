"""The entry of one condition in metrics.json."""

from collections.abc import Sequence

from s3rl_jax.evaluate.breakdown import breakdown
from s3rl_jax.evaluate.curves import RATES, REJECTS, Curve, equal_error_and_area, false_accepts_at, operating_point
from s3rl_jax.evaluate.intervals import speaker_interval
from s3rl_jax.evaluate.stream import Stream
from s3rl_jax.evaluate.trial import Trial


def condition_metrics(trial: Trial, stream: Stream, curve: Curve) -> dict:
    """Computes and rounds all figures of one condition.

    Args:
      trial: scores of the stream.
      stream: the stream.
      curve: `det_curve(trial)`.
    """
    points = {rate: operating_point(curve, float(rate)) for rate in RATES}
    accepts = {share: false_accepts_at(curve, float(share)) for share in REJECTS}
    speakers = {rate: speaker_interval(trial.peaks < point.threshold, stream.speakers) for rate, point in points.items()}
    eer, auc = equal_error_and_area(trial, trial.zone_hops)
    breakdown_rate = next((rate for rate, point in points.items() if point.resolved), RATES[-1])
    return {
        "positives": curve.words,
        "negative_hours": round(curve.hours, 4),
        "frr_at_fa_per_hour": {rate: round(point.frr, 5) for rate, point in points.items()},
        "frr_interval_95": {rate: rounded(point.frr_interval, 5) for rate, point in points.items()},
        "frr_interval_95_speakers": {rate: rounded(interval, 5) for rate, interval in speakers.items()},
        "fa_per_hour_at_frr": {share: round(point.fa_per_hour, 3) for share, point in accepts.items()},
        "fa_per_hour_interval_95": {share: rounded(point.interval, 3) for share, point in accepts.items()},
        "eer": round(eer, 5),
        "auc": round(auc, 6),
        "threshold": {rate: round(point.threshold, 6) for rate, point in points.items()},
        "false_accepts": {rate: point.false_accepts for rate, point in points.items()},
        "fa_per_hour_upper_95": {rate: round(point.fa_per_hour_upper, 3) for rate, point in points.items()},
        "too_few_hours_for": [rate for rate, point in points.items() if not point.resolved],
        "breakdown_at_fa_per_hour": breakdown_rate,
        **breakdown(trial, stream, points[breakdown_rate].threshold),
    }


def rounded(values: Sequence[float | None] | None, digits: int) -> list[float | None] | None:
    """Rounds both ends of an interval. None stands for no interval, or for an end that is unbounded."""
    return None if values is None else [None if value is None else round(value, digits) for value in values]
