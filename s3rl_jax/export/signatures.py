"""The signatures of an exported file: functions of named arrays, and the shapes of their inputs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from s3rl_jax.audio.logmel import BANDS, HOP, stack_frames
from s3rl_jax.audio.micro import DEVIATION
from s3rl_jax.detect.litert import VOICE
from s3rl_jax.models.detector import FRAME, KeywordModel

Arrays = dict[str, Float[Array, "..."]]


class Signature(NamedTuple):
    """A function of an exported file. Its inputs and outputs are float32.

    Attributes:
      name: name in the file.
      function: function from named arrays to named arrays; `posteriors` is one of the outputs.
      inputs: shapes of the inputs, by their names.
      state: names of the inputs that are also outputs. Each call takes them from the call before, the first one takes zeros.
    """

    name: str
    function: Callable[[Arrays], Arrays]
    inputs: dict[str, tuple[int, ...]]
    state: tuple[str, ...] = ()


def detect_signature(model: KeywordModel, params: dict[str, Any], has_voice: bool = False) -> Signature:
    """The signature `detect`: from `audio`, one window, to `posteriors`; and to `voice`, the mean of the student's outputs."""

    def function(arrays):
        hidden = model.encoded(params, arrays["audio"])
        voice = {VOICE: model.window_mean(hidden)} if has_voice else {}
        return {"posteriors": model.posteriors(model.pooled_logits(params, hidden))} | voice

    return Signature("detect", function, {"audio": (1, model.clip)})


def stream_signature(model: KeywordModel, params: dict[str, Any]) -> Signature:
    """The signature `stream`: from `samples`, one hop, and the state to `posteriors` and the next state."""
    return _stepped(model, model.step, params, "samples", (1, model.hop), model.initial_state(1))


def network_signature(model: KeywordModel, params: dict[str, Any]) -> Signature:
    """The signature `stream` of a file without front end: its input is `features`, one hop of stacked log-mel frames."""
    state = model.network_state(model.initial_state(1))
    shape = (1, model.hop // FRAME, 2 * BANDS)
    return _stepped(model, model.step_frames, params, "features", shape, state)


def wake_word_signature(model: KeywordModel, params: dict[str, Any]) -> Signature:
    """The signature `stream` of a file for ESPHome: its input is one hop of `features`, frames of 10 ms as microWakeWord has
    them (0 to 26); `posteriors` is the keyword's probability alone."""

    def step(params, features, state):
        return model.step_frames(params, stack_frames(features / DEVIATION), state)

    shape = (1, model.hop // HOP, model.front_end.bands)
    stepped = _stepped(model, step, params, "features", shape, model.network_state(model.initial_state(1)))

    def function(arrays):
        outputs = stepped.function(arrays)
        return outputs | {"posteriors": outputs["posteriors"][:, 1:]}

    return stepped._replace(function=function)


def _stepped(model, step, params, input_name, input_shape, initial_state):
    def function(arrays):
        state = {name: arrays[name] for name in initial_state}
        logits, next_state = step(params, arrays[input_name], state)
        return {"posteriors": model.posteriors(logits[:, 0])} | next_state

    shapes = {name: jnp.shape(array) for name, array in initial_state.items()}
    return Signature("stream", function, {input_name: input_shape} | shapes, tuple(initial_state))
