"""Detector: runs an exported model on a stream of samples, with NumPy and LiteRT or ONNX Runtime, without JAX."""

import dataclasses

import numpy as np
from jaxtyping import Float, Float32, Num

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import read_model
from s3rl_jax.detect.firing import FiringState
from s3rl_jax.detect.gate import HIGHEST_DB, LOWEST_DB, Gate, hold_hops
from s3rl_jax.detect.litert import LiteRtModel
from s3rl_jax.detect.mixing import Mixer
from s3rl_jax.detect.onnx import OnnxModel
from s3rl_jax.detect.resampling import Resampler
from s3rl_jax.detect.samples import RATES, to_float
from s3rl_jax.detect.verifier import verifier_of
from s3rl_jax.detect.voice import VoiceCheck


@dataclasses.dataclass(frozen=True)
class Detection:
    """One occurrence of a keyword.

    Attributes:
      seconds: time of the detection, from the beginning of the stream.
      keyword: label of the keyword.
      score: the score that fired: the smoothed posterior of the keyword.
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
      operating_point: the threshold to use, by its false accepts an hour as the .json writes them, such as "0.5". None:
        "0.5", or the first one where there is no 0.5.
      rate: rate of the samples given to `process`, in Hz; another rate than the model's is resampled. None: the model's.
      channel: the channel to use where there are several; the first is 0. None: all that carry sound are mixed.
      verifier: path of a second model that must agree with each detection. None: the one that the .json names, if any; the
        thresholds are then those of the pair.
      enrolled: path of the .json of s3rl_jax.enrol: fires for that voice alone. None: for any voice.
      gate_db: level in dB of full scale, -120 to 0, below which the model sleeps (`s3rl_jax.detect.gate`). None: it never does.

    Attributes:
      labels: class k is `labels[k]`; class 0, the empty text, is no keyword.
      sample_rate: Hz, of the model.
      window, hop: samples at `sample_rate`.
      posteriors: unsmoothed posteriors of each hop of the last call, [labels] each.
      score: the score after the last hop; with several keywords, the highest one.
      threshold: the lowest value of that score that fires.
      asleep: number of hops of the stream in which the model slept.

    Raises:
      UserError: if the file or its .json is not one that s3rl_jax.export wrote, `gate_db` is out of range, or soxr is needed
        and not installed.
    """

    def __init__(
        self,
        path: str,
        operating_point: str | None = None,
        rate: int | None = None,
        channel: int | None = None,
        verifier: str | None = None,
        gate_db: float | None = None,
        enrolled: str | None = None,
    ):
        content, _, description = read_model(path)
        self.labels = list(description.labels)
        self.sample_rate, self.window, self.hop = description.sample_rate, description.window, description.hop
        voice = None if enrolled is None else VoiceCheck(path, enrolled)
        self._checks = [check for check in (verifier_of(path, description, verifier), voice) if check]
        self._firing = FiringState(description.rule(operating_point, None if verifier else description.pair))
        self._model = (OnnxModel if path.endswith(".onnx") else LiteRtModel)(content, self.window, path)
        self._check_model(path)
        if gate_db is not None and not LOWEST_DB <= gate_db <= HIGHEST_DB:
            raise UserError(f"a gate of {gate_db:g} dB: expected {LOWEST_DB:g} to {HIGHEST_DB:g} dB of full scale")
        self._gate = None if gate_db is None else Gate(gate_db, hold_hops(self.window, self.hop))
        self._rate, self._channel = self.sample_rate if rate is None else rate, channel
        self.reset()

    def reset(self, rate: int | None = None) -> None:
        """Returns to the beginning of a stream.

        Args:
          rate: rate of the new stream in Hz; None: as before.

        Raises:
          UserError: if the rate is out of range, or soxr is needed and not installed.
        """
        self._rate = self._rate if rate is None else rate
        if not RATES[0] <= self._rate <= RATES[1]:
            raise UserError(f"{self._rate} Hz; expected {RATES[0]} to {RATES[1]}")
        self._mixer = Mixer(self._rate, self._channel)
        self._resampler = Resampler(self._rate, self.sample_rate)
        self._model.reset()
        self._firing.reset()
        if self._gate:
            self._gate.reset()
        self._pending = np.zeros(0, np.float32)
        self._tail = np.zeros(max((check.window for check in self._checks), default=0), np.float32)
        self._hops = 0
        self.posteriors: list[Float[np.ndarray, "labels"]] = []
        self.score, self.threshold = 0.0, self._firing.rule.thresholds[0]

    @property
    def asleep(self) -> int:
        return self._gate.asleep if self._gate else 0

    def process(self, samples: Num[np.ndarray, "samples"] | Num[np.ndarray, "samples channels"]) -> list[Detection]:
        """Scores each whole hop of the samples; the remainder waits for the next call, or for `flush`.

        Args:
          samples: any number; floats in [-1, 1], or int16, int32 or uint8, which are scaled by their type.

        Raises:
          ValueError: for arrays of another shape or type, samples that are not finite or far beyond full scale, or if the
            channel does not exist.
        """
        frames = to_float(np.asarray(samples))
        if frames.ndim not in (1, 2) or 0 in frames.shape[1:]:
            raise ValueError(f"samples of shape {frames.shape}: expected [samples] or [samples, channels]")
        mono = self._mixer.process(frames[:, None] if frames.ndim == 1 else frames)
        return self._score(self._resampler.process(mono))

    def flush(self) -> list[Detection]:
        """Ends the stream: scores the remaining samples, and then one hop of silence for each hop of the smoothing and of the
        patience but one, so that a word at the very end can fire. The model was not trained on more silence.

        `posteriors` then holds the hops that contain samples. A detection in the silence has the time of the stream's end.
        Call `reset` before the next stream.
        """
        rest = self._resampler.process(self._mixer.flush(), last=True)
        end = self._hops * self.hop + len(self._pending) + len(rest)
        silence = np.zeros(-end % self.hop, np.float32)
        detections = self._score(np.concatenate([rest, silence]))
        posteriors = self.posteriors
        rule = self._firing.rule
        detections += self._score(np.zeros((rule.smoothing_hops + rule.patience - 1) * self.hop, np.float32))
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
        posteriors = self._posteriors(samples)
        self.posteriors.append(posteriors)
        self._tail = np.concatenate([self._tail, samples])[len(samples) :]
        scored = self._firing.step(posteriors, self._agrees)
        self.score, self.threshold = float(scored.score), scored.threshold
        self._hops += 1
        if scored.keyword is None:
            return []
        return [Detection(self._hops * self.hop / self.sample_rate, self.labels[scored.keyword], self.score)]

    def _agrees(self, keyword: int) -> bool:
        """Whether the second model and the voice, where there are any, agree with a keyword that would fire."""
        return all(check.agrees(keyword, self._tail[len(self._tail) - check.window :]) for check in self._checks)

    def _posteriors(self, samples: Float[np.ndarray, "hop"]) -> Float[np.ndarray, "labels"]:
        """Runs the model, or, while it sleeps, returns those of silence: no keyword."""
        posteriors = np.eye(1, len(self.labels), dtype=np.float32)[0]
        for hop in self._gate.step(samples) if self._gate else [samples]:
            posteriors = self._model.step(hop)
        return posteriors

    def _check_model(self, path: str) -> None:
        """Scores one hop of silence, to compare the model's inputs and outputs with its .json."""
        try:
            shape = self._model.step(np.zeros(self.hop, np.float32)).shape
        except (ValueError, RuntimeError, KeyError, TypeError) as error:
            raise UserError(f"{path}: does not take the input that its .json says: {str(error).splitlines()[0]}") from error
        if shape != (len(self.labels),):
            raise UserError(f"{path}: gives {shape} posteriors; its .json names {len(self.labels)} labels")
