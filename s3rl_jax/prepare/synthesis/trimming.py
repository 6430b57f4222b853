"""Where speech begins and ends in an engine's samples."""

import numpy as np
from jaxtyping import Float

from s3rl_jax.audio.power import frame_power

FRAME_SECONDS = 0.01
BELOW_PEAK_DB = 40.0  # the frames below are silence: weak fricatives at the edges of a word lie some 30 dB below its vowels
MARGIN_SECONDS = 0.02


def sound_bounds(samples: Float[np.ndarray, "samples"], rate: int) -> tuple[int, int]:
    """First sample of the sound and one past its last, with a margin; equal if there is nothing but silence."""
    frame = max(1, round(FRAME_SECONDS * rate))
    power = frame_power(samples, frame)
    if not power.max(initial=0.0) > 0:
        return 0, 0
    loud = np.flatnonzero(power >= power.max() * 10 ** (-BELOW_PEAK_DB / 10))
    margin = round(MARGIN_SECONDS * rate)
    return max(0, int(loud[0]) * frame - margin), min(len(samples), (int(loud[-1]) + 1) * frame + margin)


def trimmed(samples: Float[np.ndarray, "samples"], rate: int) -> Float[np.ndarray, "sound"]:
    """The samples without the silence at both ends; nothing if there is nothing but silence."""
    begin, end = sound_bounds(samples, rate)
    return samples[begin:end]
