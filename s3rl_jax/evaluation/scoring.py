"""A detector over a stream: the posterior of each class at each hop."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float, Int16

from s3rl_jax.audio.logmel import to_float
from s3rl_jax.models.detector import logits
from s3rl_jax.models.student import StudentConfig

WINDOWS_A_CALL = 256
Score = Callable[[Int16[np.ndarray, "windows samples"]], Float[np.ndarray, "windows classes"]]


def scorer(config: StudentConfig, classes: int, params) -> Score:
    """Compiles windows of int16 -> posteriors."""

    @jax.jit
    def score(params, windows):
        return jax.nn.softmax(logits(config, classes, params, to_float(windows)))

    params = jax.device_put(params)
    return lambda windows: np.asarray(score(params, windows))


def score_stream(score: Score, audio: Int16[np.ndarray, "samples"], window: int, hop: int) -> Float[np.ndarray, "hops classes"]:
    """Posteriors after each whole hop; a window holds the last `window` samples, silence before the first of them."""
    padded = np.concatenate([np.zeros(window - hop, np.int16), audio])
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    scored = []
    for first in range(0, len(windows), WINDOWS_A_CALL):
        part = windows[first : first + WINDOWS_A_CALL]
        # The last call is padded to the same shape: one compilation.
        full = np.zeros((WINDOWS_A_CALL, window), np.int16)
        full[: len(part)] = part
        scored.append(score(full)[: len(part)])
    return np.concatenate(scored)
