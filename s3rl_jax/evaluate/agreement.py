"""Where in a stream the second model of a pair agrees with the first."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int16

from s3rl_jax.audio.logmel import to_float
from s3rl_jax.detect.description import Description
from s3rl_jax.detect.firing import lowest, smooth
from s3rl_jax.detect.verifier import Verifier

LOWEST_THRESHOLD = 0.02  # no threshold below it is of interest, so the second model is not asked there
Agreement = Callable[[Int16[np.ndarray, "samples"], Float[np.ndarray, "hops classes"]], Bool[np.ndarray, "hops keywords"]]


def agreement_of(
    verifier: Verifier,
    first: Description,
    audio: Int16[np.ndarray, "samples"],
    posteriors: Float[np.ndarray, "hops classes"],
) -> Bool[np.ndarray, "hops keywords"]:
    """Whether the second model agrees with each keyword of the first at each hop, as on a device.

    It is asked at the hops at which the first model would fire at a threshold of 0.02. At the others it counts as disagreeing.

    Args:
      verifier: the second model.
      first: description of the first model.
      audio: samples of a stream.
      posteriors: posteriors of the first model after each hop.
    """
    smoothed = smooth(posteriors, first.firing.smoothing_hops)[:, 1:]
    agrees = np.zeros(smoothed.shape, bool)
    padded = np.concatenate([np.zeros(verifier.window, np.int16), audio])
    for place in range(smoothed.shape[1]):
        for hop in np.flatnonzero(lowest(smoothed[:, place], first.firing.patience) >= LOWEST_THRESHOLD):
            end = (int(hop) + 1) * first.hop
            agrees[hop, place] = verifier.agrees(place + 1, np.asarray(to_float(padded[end : end + verifier.window])))
    return agrees
