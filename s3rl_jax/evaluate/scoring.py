"""A detector over a stream: the posterior of each class after each hop."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float, Int16

from s3rl_jax.audio.logmel import to_float
from s3rl_jax.models.detector import KeywordModel

WINDOWS_A_CALL = 256
HOPS_A_CALL = 200
Score = Callable[[Int16[np.ndarray, "samples"]], Float[np.ndarray, "hops classes"]]


def scorer(model: KeywordModel, params) -> Score:
    """Compiles int16 samples of a whole stream -> posteriors after each whole hop.

    A streaming model is stepped from its initial state; another one hears its window anew at each hop, silence before the
    first sample.
    """
    params = jax.device_put(params)
    return _stepping(model, params) if model.streaming else _sliding(model, params)


def _stepping(model, params):
    @jax.jit
    def step(params, audio, state):
        logits, state = model.step(params, to_float(audio), state)
        return jax.nn.softmax(logits[0]), state

    def score(audio):
        state, scored = model.initial_state(1), []
        hops = len(audio) // model.hop
        # The last call is padded to the same shape: one compilation.
        padded = np.zeros((-(-hops // HOPS_A_CALL) * HOPS_A_CALL * model.hop), np.int16)
        padded[: hops * model.hop] = audio[: hops * model.hop]
        for part in padded.reshape(-1, 1, HOPS_A_CALL * model.hop):
            posteriors, state = step(params, part, state)
            scored.append(np.asarray(posteriors))
        return np.concatenate(scored)[:hops]

    return score


def _sliding(model, params):
    posteriors = clip_scorer(model, params)

    def score(audio):
        padded = np.concatenate([np.zeros(model.clip - model.hop, np.int16), audio])
        return posteriors(np.lib.stride_tricks.sliding_window_view(padded, model.clip)[:: model.hop])

    return score


def clip_scorer(
    model: KeywordModel, params
) -> Callable[[Int16[np.ndarray, "clips samples"]], Float[np.ndarray, "clips classes"]]:
    """Compiles int16 clips of `model.clip` samples -> posteriors of each."""

    @jax.jit
    def windows_to_posteriors(params, windows):
        return jax.nn.softmax(model.logits(params, to_float(windows)))

    def score(windows):
        scored = []
        for first in range(0, len(windows), WINDOWS_A_CALL):
            part = windows[first : first + WINDOWS_A_CALL]
            full = np.zeros((WINDOWS_A_CALL, model.clip), np.int16)  # one shape, one compilation
            full[: len(part)] = part
            scored.append(np.asarray(windows_to_posteriors(params, full))[: len(part)])
        return np.concatenate(scored)

    return score
