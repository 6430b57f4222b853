"""Detector: an exported model that is fed a stream of samples. It needs NumPy and LiteRT or ONNX Runtime, and no JAX."""

import dataclasses

import numpy as np
from jaxtyping import Float, Float32, Num

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import read_model
from s3rl_jax.detect.firing import FiringState, refractory_hops
from s3rl_jax.detect.litert import LiteRtModel
from s3rl_jax.detect.mixing import Mixer
from s3rl_jax.detect.onnx import OnnxModel
from s3rl_jax.detect.resampling import Resampler
from s3rl_jax.detect.samples import RATES, to_float


@dataclasses.dataclass(frozen=True)
class Detection:
    """One occurrence of a keyword.

    Attributes:
      seconds: audio since the beginning of the stream at the moment of detection.
      keyword: its label.
      score: smoothed posterior of any keyword.
    """

    seconds: float
    keyword: str
    score: float


class Detector:
    """A keyword detector for one stream of audio.

        detector = Detector("alexa.tflite")
        for detection in detector.process(samples): ...

    Args:
      path: a .tflite or .onnx that s3rl_jax.export wrote, with its .json beside it.
      operating_point: which threshold of the .json: false accepts an hour, as it is written there ("0.5"). None: that of
        0.5, or else the first one.
      rate: Hz, of the samples that `process` is given; None: the model's. Another rate is resampled.
      channel: of several channels the one to be taken, the first is 0. None: all that carry sound are mixed.

    Attributes:
      labels: class k is `labels[k]`; class 0, the empty text, is no keyword.
      sample_rate: Hz, of the model.
      window, hop: samples at `sample_rate`.
      threshold: a score equal to it fires.
      posteriors: unsmoothed posteriors of the hops of the last call.
      score: smoothed posterior of any keyword after the last hop.

    Raises:
      UserError: if the file or its .json is not one that s3rl_jax.export wrote, or soxr is needed and not installed.
    """

    def __init__(self, path: str, operating_point: str | None = None, rate: int | None = None, channel: int | None = None):
        content, _, description = read_model(path)
        self.labels = list(description.labels)
        self.sample_rate, self.window, self.hop = description.sample_rate, description.window, description.hop
        self.threshold = description.threshold(operating_point)
        refractory = refractory_hops(self.hop, self.sample_rate, description.refractory_seconds)
        self._firing = FiringState(self.threshold, refractory, description.smoothing_hops)
        self._model = (OnnxModel if path.endswith(".onnx") else LiteRtModel)(content, self.window, path)
        self._check_model(path)
        self._rate, self._channel = self.sample_rate if rate is None else rate, channel
        self.reset()

    def reset(self, rate: int | None = None) -> None:
        """Returns to the beginning of a stream.

        Args:
          rate: Hz, of the samples to come; None: as before.
        """
        self._rate = self._rate if rate is None else rate
        if not RATES[0] <= self._rate <= RATES[1]:
            raise UserError(f"{self._rate} Hz; expected {RATES[0]} to {RATES[1]}")
        self._mixer = Mixer(self._rate, self._channel)
        self._resampler = Resampler(self._rate, self.sample_rate)
        self._model.reset()
        self._firing.reset()
        self._pending = np.zeros(0, np.float32)
        self._hops = 0
        self.posteriors: list[Float[np.ndarray, "labels"]] = []
        self.score = 0.0

    def process(self, samples: Num[np.ndarray, "samples"] | Num[np.ndarray, "samples channels"]) -> list[Detection]:
        """Scores each whole hop of the samples; the remainder waits for the next call, or for `flush`.

        Args:
          samples: any number of them; floats in [-1, 1], or int16, int32 or uint8, which are scaled by their type.

        Raises:
          ValueError: for arrays of another shape or type, samples that are not finite or beyond any sense, or a channel that
            is not there.
        """
        frames = to_float(np.asarray(samples))
        if frames.ndim not in (1, 2) or 0 in frames.shape[1:]:
            raise ValueError(f"samples of shape {frames.shape}: expected [samples] or [samples, channels]")
        mono = self._mixer.process(frames[:, None] if frames.ndim == 1 else frames)
        return self._score(self._resampler.process(mono))

    def flush(self) -> list[Detection]:
        """Ends the stream: scores what waits, and then as many hops of silence as the mean over hops takes, so that a word at
        the very end reaches its score. More silence would be other sound than the model was made for.

        `posteriors` then holds the hops in which there is still sound. A detection in the silence has the time of the end.
        The next stream begins with `reset`.
        """
        rest = self._resampler.process(self._mixer.flush(), last=True)
        end = self._hops * self.hop + len(self._pending) + len(rest)
        silence = np.zeros(-end % self.hop, np.float32)
        detections = self._score(np.concatenate([rest, silence]))
        posteriors = self.posteriors
        detections += self._score(np.zeros(self._firing.smoothing_hops * self.hop, np.float32))
        self.posteriors = posteriors
        seconds = end / self.sample_rate
        return [dataclasses.replace(d, seconds=min(d.seconds, seconds)) for d in detections]

    def _score(self, samples: Float32[np.ndarray, "samples"]) -> list[Detection]:
        samples = np.concatenate([self._pending, samples])
        whole = len(samples) // self.hop * self.hop
        self._pending = samples[whole:]
        self.posteriors, detections = [], []
        for hop in samples[:whole].reshape(-1, self.hop):
            detections += self._step(hop)
        return detections

    def _step(self, samples: Float[np.ndarray, "hop"]) -> list[Detection]:
        posteriors = self._model.step(samples)
        self.posteriors.append(posteriors)
        scored = self._firing.step(posteriors)
        self.score = float(scored.score)
        self._hops += 1
        if scored.keyword is None:
            return []
        return [Detection(self._hops * self.hop / self.sample_rate, self.labels[scored.keyword], self.score)]

    def _check_model(self, path: str) -> None:
        """Scores one hop of silence, to compare what the model takes and gives with its .json."""
        try:
            shape = self._model.step(np.zeros(self.hop, np.float32)).shape
        except (ValueError, RuntimeError, KeyError, TypeError) as error:
            raise UserError(f"{path}: does not take what its .json says: {str(error).splitlines()[0]}") from error
        if shape != (len(self.labels),):
            raise UserError(f"{path}: gives {shape} posteriors; its .json names {len(self.labels)} labels")
