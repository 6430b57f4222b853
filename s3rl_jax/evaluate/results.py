"""The result of one condition."""

import dataclasses

import numpy as np
from jaxtyping import Float

from s3rl_jax.evaluate.curves import Curve
from s3rl_jax.evaluate.relative_false_accepts import RelativeFalseAccepts
from s3rl_jax.evaluate.report.worst_clips import WorstClip
from s3rl_jax.evaluate.stream import PlacedClip
from s3rl_jax.evaluate.trial import Trial


@dataclasses.dataclass(frozen=True)
class ConditionResult:
    """The values that the report shows of a condition. It does not hold the stream, which may be hours long.

    Attributes:
      metrics: the condition's entry in metrics.json.
      posteriors: unsmoothed posterior of any keyword after each hop.
      trial: smoothed scores and zones.
      curve: trade-off of the detector.
      words: recordings of the keyword.
      baseline_curves: trade-off of each baseline, by its workdir or file.
      relative: false accepts relative to the first baseline; None without baselines.
      worst_clips: the worst errors, in some conditions.
    """

    metrics: dict
    posteriors: Float[np.ndarray, "hops"]
    trial: Trial
    curve: Curve
    words: list[PlacedClip]
    baseline_curves: dict[str, Curve]
    relative: RelativeFalseAccepts | None
    worst_clips: list[WorstClip]
