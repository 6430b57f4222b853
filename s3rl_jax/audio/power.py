"""The power of sound, frame by frame, from which the ends of speech are found."""

import numpy as np
from jaxtyping import Float, Shaped


def frame_power(samples: Shaped[np.ndarray, "samples"], frame: int) -> Float[np.ndarray, "frames"]:
    """Mean square of each whole frame of `frame` samples; samples after the last whole frame are left out."""
    count = len(samples) // frame
    return np.square(samples[: count * frame].reshape(count, frame).astype(np.float64)).mean(axis=1)
