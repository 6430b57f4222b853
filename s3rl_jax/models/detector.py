"""The keyword detector: a student, a linear head at each frame, and a pooling of the head's outputs over a window."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.audio.front_end import FRONT_ENDS, LOGMEL, FrontEnd
from s3rl_jax.audio.logmel import HOP, stack_frames, stacked_count
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError, lookup
from s3rl_jax.detect.firing import FiringSettings, refractory_seconds
from s3rl_jax.models.head import POOLINGS, Head, stream_logits, window_logits
from s3rl_jax.models.quantization_aware import fake_quantise_params, rounding_activations
from s3rl_jax.models.student.registry import build_student, encode, initialise, variables
from s3rl_jax.models.student.state import State, append, append_to_silence

FRAME = 2 * HOP  # samples from one student frame to the next
OVERLAP = FRONT_ENDS[LOGMEL].overlap
# Names of scopes, by which an export recognises the operations that it must not quantise.
FRONT_END, AVERAGE = "front_end", "average"


def student_features(audio: Float[ArrayLike, "batch samples"], front_end: str = LOGMEL) -> Float[Array, "batch time stacked"]:
    """The student's input for clips in [-1, 1]: standardised features, two 10 ms frames side by side, as many for each name."""
    chosen = FRONT_ENDS[front_end]
    padded = append_to_silence(chosen.lead, audio)[0] if chosen.lead else audio
    return stack_frames(chosen.clip_features(padded))


@dataclasses.dataclass(frozen=True)
class KeywordModel:
    """A student and a head as functions of a waveform. It is trained, evaluated and exported.

    The state of a stream holds a few numbers for each frame of the window; the pooling says which: see
    `s3rl_jax.models.head`.

    Attributes:
      student: encodes frames.
      classes: number of keywords, plus one.
      window: samples of the window.
      hop: samples from one score to the next.
      lead: samples before the window in a clip of a streaming student, the past that its attention sees.
      pooling: a name in `POOLINGS`.
    """

    student: nn.Module
    classes: int
    window: int
    hop: int
    lead: int = 0
    pooling: str = "mean"

    @property
    def streaming(self) -> bool:
        return self.student.block > 0

    @property
    def front_end(self) -> FrontEnd:
        return FRONT_ENDS[self.student.front_end]

    @property
    def silence(self) -> int:
        """Samples of silence before a clip: the past of a stream's first frame, or what gives a clip log-mel's frames."""
        return self.front_end.overlap if self.streaming else self.front_end.lead

    @property
    def clip(self) -> int:
        """Samples that `logits` takes; whole hops for a streaming student."""
        return -(-(self.window + self.lead) // self.hop) * self.hop if self.streaming else self.window

    @property
    def firing(self) -> FiringSettings:
        """Settings of firing of a detector with this window."""
        return FiringSettings(refractory_seconds(self.window / SAMPLE_RATE))

    def init(self, rng: Key[Array, ""]) -> dict[str, Any]:
        """Random parameters: `student`, `head`, and `statistics` for a student with BatchNorm."""
        student_rng, head_rng = jax.random.split(rng)
        head = self._head_module.init(head_rng, jnp.zeros((1, self.student.width)))["params"]
        return initialise(self.student, student_rng) | {"head": head}

    def features(self, audio: Float[ArrayLike, "batch samples"]) -> Float[Array, "batch frames bands"]:
        """Standardised features of clips in [-1, 1], a frame each 10 ms. For a streaming student, silence precedes a clip."""
        if self.silence:
            audio, _ = append_to_silence(self.silence, audio)
        with jax.named_scope(FRONT_END):
            return self.front_end.clip_features(audio)

    def train_logits(
        self,
        params: dict[str, Any],
        frames: Float[ArrayLike, "batch time stacked"],
        frozen: bool,
        rounded: bool = False,
        dtype: str = "float32",
    ) -> tuple[Float[Array, "batch classes"], dict[str, Any]]:
        """Logits of clips for training.

        Args:
          params: `student`, `head`, and `statistics` for a student with BatchNorm.
          frames: stacked features of clips.
          frozen: whether the student stays as it is: no gradient into it, no update of its statistics.
          rounded: whether weights and activations are rounded as in an int8 file. BatchNorm then uses its running
            statistics, as the file does.
          dtype: dtype in which the student computes, unless it is frozen or rounded.

        Returns:
          The logits, and the student's updated running statistics: `{}` without BatchNorm, frozen, or rounded.
        """
        if rounded:
            params = fake_quantise_params(params)
            with rounding_activations():
                hidden, statistics = self.student.apply(variables(params), frames), {}
        elif frozen:
            params = params | {"student": jax.lax.stop_gradient(params["student"])}
            hidden, statistics = self.student.apply(variables(params), frames), {}
        else:
            hidden, statistics = encode(self.student, params, frames, dtype=dtype)
        return self.pooled_logits(params, hidden), statistics

    def logits(self, params: dict[str, Any], audio: Float[ArrayLike, "batch samples"]) -> Float[Array, "batch classes"]:
        """Logits of clips of `clip` samples in [-1, 1]."""
        return self.pooled_logits(params, self.encoded(params, audio))

    def encoded(self, params: dict[str, Any], audio: Float[ArrayLike, "batch samples"]) -> Float[Array, "batch time width"]:
        """The student's outputs at the frames of clips of any length in [-1, 1]."""
        return self.student.apply(variables(params), stack_frames(self.features(audio)))

    def window_mean(self, hidden: Float[ArrayLike, "batch time width"]) -> Float[Array, "batch width"]:
        """Mean of the student's outputs over the window at the end of clips."""
        return hidden[:, -self._pooled :].mean(axis=1)

    def posteriors(self, logits: Float[ArrayLike, "batch outputs"]) -> Float[Array, "batch labels"]:
        """Posterior of each label; label 0 is no keyword."""
        return jax.nn.softmax(logits)

    def initial_state(self, batch: int) -> State:
        """The state before the first sample of a stream: silence without a keyword. All arrays are zero."""
        past = self._pooled - self.hop // FRAME
        values = jax.eval_shape(POOLINGS[self.pooling].remembered, self._outputs((batch, past))).shape
        logits = jnp.zeros(values)
        heard = {"audio": jnp.zeros((batch, self.front_end.overlap))} | self.front_end.initial(batch)
        return heard | {"logits": logits} | self.student.initial_state(batch)

    def network_state(self, state: State) -> State:
        """The part of a state that `step_frames` takes: without that of the front end."""
        return {name: state[name] for name in state if name not in ("audio", *self.front_end.initial(1))}

    def step(
        self, params: dict[str, Any], audio: Float[ArrayLike, "batch samples"], state: State
    ) -> tuple[Float[Array, "batch hops classes"], State]:
        """Logits after each of the next hops of a stream.

        Args:
          params: `student`, `head`, and `statistics` for a student with BatchNorm.
          audio: whole hops in [-1, 1].
          state: the state that the last step returned, or `initial_state`.

        Returns:
          The logits, and the next state. Steps of any number of hops give the same logits as one step of all audio.
        """
        extended, past_audio = append(state["audio"], audio)
        with jax.named_scope(FRONT_END):
            features, carried = self.front_end.features(extended, {name: state[name] for name in self.front_end.initial(1)})
        logits, next_state = self.step_frames(params, stack_frames(features), self.network_state(state))
        return logits, {"audio": past_audio} | carried | next_state

    def step_frames(
        self, params: dict[str, Any], frames: Float[ArrayLike, "batch time stacked"], state: State
    ) -> tuple[Float[Array, "batch hops classes"], State]:
        """Makes a `step` from stacked features, for firmware that computes them itself; `state` is a `network_state`."""
        student_state = {name: state[name] for name in state if name != "logits"}
        hidden, student_state = self.student.apply(variables(params), frames, student_state, method="step")
        with jax.named_scope(AVERAGE):
            remembered, past = append(state["logits"], self._remembered(self._head(params, hidden)))
            logits = self._stream_logits(remembered, hidden.shape[1] // (self.hop // FRAME))
        return logits, {"logits": past} | student_state

    def pooled_logits(
        self, params: dict[str, Any], hidden: Float[ArrayLike, "batch time width"]
    ) -> Float[Array, "batch outputs"]:
        """Logits of the window at the end of clips, from the student's outputs at their frames.

        The head is linear, so its mean logits are its logits of the mean frame.
        """
        if self.pooling == "mean":
            return self._head(params, self.window_mean(hidden))
        with jax.named_scope(AVERAGE):
            return window_logits(self.pooling, self._head(params, hidden[:, -self._pooled :]))

    @property
    def _pooled(self) -> int:
        """Number of frames in a window."""
        return self.window // FRAME if self.streaming else stacked_count(self.window)

    @property
    def _head_module(self) -> Head:
        return Head(self.classes, self.pooling)

    def _head(self, params, hidden):
        return self._head_module.apply({"params": params["head"]}, hidden).astype(jnp.float32)

    def _outputs(self, shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
        """The head's outputs as a shape, for frames of a given shape."""
        return jax.ShapeDtypeStruct((*shape, self.classes + POOLINGS[self.pooling].extra), jnp.float32)

    def _remembered(self, outputs):
        return POOLINGS[self.pooling].remembered(outputs)

    def _stream_logits(self, remembered, hops: int):
        return stream_logits(self.pooling, remembered, hops, self.hop // FRAME, self._pooled)


def keyword_model(config: ConfigDict, classes: int) -> KeywordModel:
    """The model of a `finetune` config.

    Raises:
      UserError: for a student that does not exist, or a window or hop that it cannot have.
    """
    seconds = config.data
    for name, least in (("window_seconds", 0.2), ("hop_seconds", 0.01)):
        if not least <= seconds[name] <= 60:
            raise UserError(f"config.data.{name}={seconds[name]}: expected seconds, {least} to 60")
    window, hop, lead = (
        round(s * SAMPLE_RATE) for s in (seconds.window_seconds, seconds.hop_seconds, seconds.get("lead_seconds", 0))
    )
    pooling = config.get("head", {}).get("pooling", "mean")  # configurations older than the field are mean
    lookup(POOLINGS, pooling, "config.head.pooling")
    model = KeywordModel(build_student(config.student), classes, window, hop, lead, pooling)
    if model.streaming and (hop % (FRAME * model.student.block) or hop > window or window % FRAME):
        block = model.student.block * FRAME / SAMPLE_RATE
        raise UserError(
            f"config.data.hop_seconds={seconds.hop_seconds}, window_seconds={seconds.window_seconds}: a streaming "
            f"{config.student.size} student expects a hop of a multiple of {block:g} s, and a window of whole 0.02 s, no less"
        )
    return model
