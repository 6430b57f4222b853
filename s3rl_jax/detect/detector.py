"""Detector: an exported model that is fed a stream of samples. LiteRT and NumPy; the device has neither JAX nor TensorFlow."""

import dataclasses

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import read_model
from s3rl_jax.detect.firing import FiringState, refractory_hops
from s3rl_jax.detect.litert import LiteRtModel


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
      path: a .tflite that s3rl_jax.export wrote, with its .json beside it.
      operating_point: which threshold of the .json: false accepts an hour, as it is written there ("0.5"). None: that of
        0.5, or else the first one.

    Attributes:
      labels: class k is `labels[k]`; class 0, the empty text, is no keyword.
      sample_rate: Hz.
      window, hop: samples.
      threshold: a score equal to it fires.
      posteriors: unsmoothed posteriors of the hops of the last `process`.
      score: smoothed posterior of any keyword after the last hop.

    Raises:
      UserError: if the file or its .json is not one that s3rl_jax.export wrote.
    """

    def __init__(self, path: str, operating_point: str | None = None):
        content, _, description = read_model(path)
        self.labels = list(description.labels)
        self.sample_rate, self.window, self.hop = description.sample_rate, description.window, description.hop
        self.threshold = description.threshold(operating_point)
        refractory = refractory_hops(self.hop, self.sample_rate, description.refractory_seconds)
        self._firing = FiringState(self.threshold, refractory, description.smoothing_hops)
        self._model = LiteRtModel(content, self.window, path)
        self._check_model(path)
        self.reset()

    def reset(self) -> None:
        """Returns to the beginning of a stream."""
        self._model.reset()
        self._firing.reset()
        self._pending = np.zeros(0, np.float32)
        self._hops = 0
        self.posteriors: list[Float[np.ndarray, "labels"]] = []
        self.score = 0.0

    def process(self, samples: Float[np.ndarray, "samples"]) -> list[Detection]:
        """Scores each whole hop of the samples; the remainder waits for the next call.

        Args:
          samples: any number, at `sample_rate`, in [-1, 1].

        Raises:
          ValueError: for another shape than one channel, or samples that are not finite.
        """
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1 or not np.isfinite(samples).all():
            raise ValueError(f"samples of shape {samples.shape}: expected one channel of finite values")
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
