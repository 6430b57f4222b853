"""The front ends by name: functions from sound to a student's features, a frame each 10 ms."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Shaped

from s3rl_jax.audio import logmel, micro_tables
from s3rl_jax.audio.logmel import HOP, log_mel, standardise
from s3rl_jax.audio.mel import mel_corners
from s3rl_jax.audio.micro import micro_features
from s3rl_jax.audio.read import SAMPLE_RATE

LOGMEL, MICRO = "logmel", "micro"  # values of `config.student.front_end`
NOISE = "noise"  # name of the state of `micro`

Carried = dict[str, Shaped[Array, "..."]]  # state of a front end beside the past samples, by name
Features = Callable[[Float[Array, "batch samples"], Carried], tuple[Float[Array, "batch frames bands"], Carried]]


class FrontEnd(NamedTuple):
    """A front end.

    Attributes:
      bands: values of a frame.
      window: samples of a frame.
      centres: centre frequency of each band, in Hz.
      initial: function from a batch size to the state at the beginning of a stream, which is zero.
      features: function from samples in [-1, 1] and the state to standardised features of all whole frames, and the next
        state.
    """

    bands: int
    window: int
    centres: Float[np.ndarray, "bands"]
    initial: Callable[[int], Carried]
    features: Features

    @property
    def overlap(self) -> int:
        """Samples before a step of a stream that the step's first frame reads."""
        return self.window - HOP

    @property
    def lead(self) -> int:
        """Samples by which a frame is longer than one of log-mel; so many zeros before a clip give it as many frames."""
        return self.window - logmel.WINDOW

    def clip_features(self, audio: Float[ArrayLike, "batch samples"]) -> Float[Array, "batch frames bands"]:
        """Features of whole clips, each from the beginning of a stream."""
        return self.features(jnp.asarray(audio), self.initial(len(audio)))[0]


def _log_mel(audio: Float[Array, "batch samples"], carried: Carried) -> tuple[Float[Array, "batch frames bands"], Carried]:
    return standardise(log_mel(audio)), carried


def _micro(audio: Float[Array, "batch samples"], carried: Carried) -> tuple[Float[Array, "batch frames bands"], Carried]:
    features, noise = micro_features(audio, carried[NOISE])
    return features, {NOISE: noise}


FRONT_ENDS = {
    LOGMEL: FrontEnd(logmel.BANDS, logmel.WINDOW, mel_corners(SAMPLE_RATE, logmel.BANDS)[1:-1], lambda batch: {}, _log_mel),
    MICRO: FrontEnd(
        micro_tables.BANDS,
        micro_tables.WINDOW,
        micro_tables.band_centres(),
        lambda batch: {NOISE: jnp.zeros((batch, micro_tables.BANDS), jnp.uint32)},
        _micro,
    ),
}
