"""What an exported file can be asked: functions of named arrays, with their shapes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from s3rl_jax.audio.logmel import BANDS
from s3rl_jax.models.detector import FRAME, KeywordModel

Arrays = dict[str, Float[Array, "..."]]


class Signature(NamedTuple):
    """A named entry of a file: float32 arrays in and out. What is in `state` comes out again, for the next call."""

    name: str
    function: Callable[[Arrays], Arrays]
    inputs: dict[str, tuple[int, ...]]
    state: tuple[str, ...] = ()


def detect(model: KeywordModel, params: dict[str, Any]) -> Signature:
    """One clip: `audio` -> `posteriors`."""

    def function(arrays):
        return {"posteriors": jax.nn.softmax(model.logits(params, arrays["audio"]))}

    return Signature("detect", function, {"audio": (1, model.clip)})


def stream(model: KeywordModel, params: dict[str, Any]) -> Signature:
    """One hop: `samples` and the state -> `posteriors` and the state. The first state is all zeros."""
    return _stepped(model.step, params, "samples", (1, model.hop), model.initial_state(1))


def network(model: KeywordModel, params: dict[str, Any]) -> Signature:
    """One hop behind a front end of the device's own: `features`, standardised log-mel, two 10 ms frames side by side."""
    state = {name: array for name, array in model.initial_state(1).items() if name != "audio"}
    shape = (1, model.hop // FRAME, 2 * BANDS)
    return _stepped(model.step_frames, params, "features", shape, state)


def _stepped(step, params, heard, shape, state):
    def function(arrays):
        past = {name: arrays[name] for name in state}
        logits, after = step(params, arrays[heard], past)
        return {"posteriors": jax.nn.softmax(logits[:, 0])} | after

    return Signature("stream", function, {heard: shape} | {n: jnp.shape(s) for n, s in state.items()}, tuple(state))
