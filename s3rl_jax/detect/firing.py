"""Posteriors, hop by hop -> detections. NumPy alone: it runs in evaluation and on the device, and is the same there."""

import numpy as np
from jaxtyping import Float, Int

SMOOTHING_HOPS = 3
# A word is in a window of 1.5 s for as long, and two hops longer in the mean over three: heard once, it counts once.
REFRACTORY_SECONDS = 2.0


def smooth(posteriors: Float[np.ndarray, "hops *classes"], hops: int = SMOOTHING_HOPS) -> Float[np.ndarray, "hops *classes"]:
    """Mean over the last `hops` hops; before the first hop, silence is taken to score 0."""
    padded = np.concatenate([np.zeros((hops - 1, *posteriors.shape[1:]), posteriors.dtype), posteriors])
    return np.lib.stride_tricks.sliding_window_view(padded, hops, axis=0).mean(axis=-1)


def firings(scores: Float[np.ndarray, "hops"], threshold: float, refractory: int) -> Int[np.ndarray, "firings"]:
    """Hops at which a detector fires: the score reaches the threshold, and the last firing is over `refractory` hops ago.

    Args:
      scores: smoothed posterior of the keyword.
      threshold: a score equal to it fires.
      refractory: hops.
    """
    above = np.flatnonzero(scores >= threshold)
    fired: list[int] = []
    i = 0
    while i < len(above):
        fired.append(int(above[i]))
        i = int(np.searchsorted(above, fired[-1] + refractory, side="right"))
    return np.array(fired, np.int64)
