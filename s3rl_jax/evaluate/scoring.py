"""Computes the posteriors of a trained detector after each hop of a stream."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int16

from s3rl_jax.audio.logmel import to_float
from s3rl_jax.models.detector import KeywordModel

HOPS_A_CALL = 200
CLIPS_A_CALL = 256
Scorer = Callable[[Int16[np.ndarray, "samples"]], Float[np.ndarray, "hops classes"]]
ParamsScorer = Callable[[Any, Int16[np.ndarray, "samples"]], Float[np.ndarray, "hops classes"]]
ClipScorer = Callable[[Int16[np.ndarray, "clips samples"]], Float[np.ndarray, "clips classes"]]


def stream_scorer(
    model: KeywordModel, params: dict[str, Any], hops_a_call: int = HOPS_A_CALL, clips_a_call: int = CLIPS_A_CALL
) -> Scorer:
    """Compiles a function from the int16 samples of a stream to the posteriors after each whole hop.

    Args:
      model: model of the detector.
      params: parameters of the detector.
      hops_a_call: as in `stream_posteriors`.
      clips_a_call: as in `stream_posteriors`.
    """
    return functools.partial(stream_posteriors(model, hops_a_call, clips_a_call), jax.device_put(params))


def stream_posteriors(model: KeywordModel, hops_a_call: int = HOPS_A_CALL, clips_a_call: int = CLIPS_A_CALL) -> ParamsScorer:
    """Compiles a function from parameters and the int16 samples of a stream to the posteriors after each whole hop.

    A streaming model runs through the stream from its initial state. Another model scores its window at each hop, with
    silence before the first sample.

    Args:
      model: model of the detector.
      hops_a_call: hops that a streaming model computes in one call.
      clips_a_call: windows that another model computes in one call.
    """
    return _stepping(model, hops_a_call) if model.streaming else _sliding(model, clips_a_call)


def clip_scorer(model: KeywordModel, params: dict[str, Any], clips_a_call: int = CLIPS_A_CALL) -> ClipScorer:
    """Compiles a function from int16 clips of `model.clip` samples to their posteriors."""
    return functools.partial(_in_calls(model, clips_a_call), params)


def _in_calls(model: KeywordModel, clips_a_call: int) -> Callable:
    @jax.jit
    def posteriors_of(params, clips):
        return jax.nn.softmax(model.logits(params, to_float(clips)))

    def score(params, clips):
        posteriors = []
        for first in range(0, len(clips), clips_a_call):
            part = clips[first : first + clips_a_call]
            padded = np.zeros((clips_a_call, model.clip), np.int16)  # all calls have one shape and share a compilation
            padded[: len(part)] = part
            posteriors.append(np.asarray(posteriors_of(params, padded))[: len(part)])
        return np.concatenate(posteriors)

    return score


def _stepping(model: KeywordModel, hops_a_call: int) -> ParamsScorer:
    @jax.jit
    def step(params, audio, state):
        logits, state = model.step(params, to_float(audio), state)
        return jax.nn.softmax(logits[0]), state

    def score(params, audio):
        state, posteriors = model.initial_state(1), []
        hops = len(audio) // model.hop
        padded = np.zeros((-(-hops // hops_a_call) * hops_a_call * model.hop), np.int16)  # all calls have one shape
        padded[: hops * model.hop] = audio[: hops * model.hop]
        for part in padded.reshape(-1, 1, hops_a_call * model.hop):
            scored, state = step(params, part, state)
            posteriors.append(np.asarray(scored))
        return np.concatenate(posteriors)[:hops]

    return score


def _sliding(model: KeywordModel, clips_a_call: int) -> ParamsScorer:
    score_clips = _in_calls(model, clips_a_call)

    def score(params, audio):
        padded = np.concatenate([np.zeros(model.clip - model.hop, np.int16), audio])
        return score_clips(params, np.lib.stride_tricks.sliding_window_view(padded, model.clip)[:: model.hop])

    return score
