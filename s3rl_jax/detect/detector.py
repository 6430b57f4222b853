"""Running an exported detector: LiteRT and NumPy, nothing else. Neither JAX nor TensorFlow is on the device."""

import dataclasses
import json
from pathlib import Path

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class Detection:
    """A keyword was heard; `seconds` is how much audio had come in by then."""

    seconds: float
    keyword: str
    score: float


class Detector:
    """An exported model that is fed a stream of samples.

    One instance hears one stream; `reset` makes it forget what it heard.

        detector = Detector("alexa.tflite")
        for detection in detector.process(samples): ...

    Args:
      path: a .tflite that s3rl_jax.export wrote, with its .json beside it.
      operating_point: which threshold of the .json: false accepts an hour, as it is written there ("0.5"). None: the
        one for 0.5, or the only one that there is.

    Raises:
      UserError: if the file is no such model.
    """

    def __init__(self, path: str, operating_point: str | None = None):
        described = _description(path)
        self.labels: list[str] = described["labels"]
        self.sample_rate: int = described["sample_rate"]
        self.window, self.hop = described["window"], described["hop"]
        self.threshold = threshold_of(described["threshold"], operating_point, path)
        self._smoothing = described["smoothing"]["hops"]
        self._refractory = round(described["refractory_seconds"] * self.sample_rate / self.hop)
        self._interpreter = _interpreter(path)
        self._stream = "stream" in self._interpreter.get_signature_list()
        self._run = _runner(self._interpreter, "stream" if self._stream else "detect", path)
        self._state = sorted(self._run.get_output_details().keys() - {"posteriors"})
        self.reset()
        self._check(path)

    def reset(self) -> None:
        """Forgets all audio."""
        inputs = self._run.get_input_details()
        # One hop and the state that the last one left, or the last window, heard anew at each hop.
        self._arrays = {name: np.zeros(inputs[name]["shape"], np.float32) for name in self._state}
        self._buffer = np.zeros(self.window, np.float32)
        self._pending = np.zeros(0, np.float32)
        self._recent = np.zeros((self._smoothing, len(self.labels)), np.float32)
        self._hops = 0
        self._fired = -self._refractory - 1
        self.posteriors: list[Float[np.ndarray, "labels"]] = []
        self.score = 0.0

    def process(self, samples: Float[np.ndarray, "samples"]) -> list[Detection]:
        """Takes any number of samples at 16 kHz in [-1, 1]; scores each whole hop.

        `posteriors` then holds the unsmoothed posteriors of the hops of this call, `score` the last smoothed one.

        Raises:
          ValueError: for another shape than one channel, or samples that are not finite.
        """
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1 or not np.isfinite(samples).all():
            raise ValueError(f"samples of shape {samples.shape}: expected one channel of finite values")
        self._pending = np.concatenate([self._pending, samples])
        self.posteriors, found = [], []
        while len(self._pending) >= self.hop:
            heard, self._pending = self._pending[: self.hop], self._pending[self.hop :]
            posterior = self._posterior(heard)
            self.posteriors.append(posterior)
            self._recent = np.concatenate([self._recent[1:], posterior[None]])
            smoothed = self._recent.mean(axis=0)
            # As in evaluation: any keyword fires by the sum of the keywords' posteriors.
            self.score = score = float(smoothed[1:].sum())
            if score >= self.threshold and self._hops > self._fired + self._refractory:
                self._fired = self._hops
                keyword = self.labels[1 + int(smoothed[1:].argmax())]
                found.append(Detection((self._hops + 1) * self.hop / self.sample_rate, keyword, score))
            self._hops += 1
        return found

    def _posterior(self, heard: Float[np.ndarray, "hop"]) -> Float[np.ndarray, "labels"]:
        if not self._stream:
            self._buffer = np.concatenate([self._buffer[self.hop :], heard])
            return self._run(audio=self._buffer[None])["posteriors"][0]
        answer = self._run(samples=heard[None], **self._arrays)
        self._arrays = {name: answer[name] for name in self._state}
        return answer["posteriors"][0]

    def _check(self, path: str) -> None:
        """One hop of silence: whether the file takes what its .json says."""
        try:
            shape = self._posterior(np.zeros(self.hop, np.float32)).shape
        except (ValueError, RuntimeError, KeyError, TypeError) as error:
            raise UserError(f"{path}: does not take what its .json says: {str(error).splitlines()[0]}") from error
        if shape != (len(self.labels),):
            raise UserError(f"{path}: gives {shape} posteriors; its .json names {len(self.labels)} labels")
        self.reset()


def _description(path: str) -> dict:
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; expected a .tflite that s3rl_jax.export wrote")
    beside = Path(path).with_suffix(".json")
    try:
        described = json.loads(beside.read_text(encoding="utf-8"))
        for name in ("labels", "sample_rate", "window", "hop", "threshold", "smoothing", "refractory_seconds"):
            described[name]
    except FileNotFoundError:
        raise UserError(f"{beside}: no such file; expected the .json that s3rl_jax.export wrote beside {path}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{beside}: not a description that s3rl_jax.export wrote: {error}") from error
    return described


def threshold_of(thresholds: dict[str, float], wanted: str | None, path: str) -> float:
    """The threshold of an operating point; None: of 0.5 false accepts an hour, or the first one that there is.

    Raises:
      UserError: naming `path`, if it has no such point.
    """
    if wanted is None:
        wanted = "0.5" if "0.5" in thresholds else next(iter(thresholds))
    if wanted not in thresholds:
        raise UserError(f"{path}: no threshold for {wanted} false accepts an hour; expected one of {', '.join(thresholds)}")
    return float(thresholds[wanted])


def _interpreter(path: str):
    from ai_edge_litert.interpreter import Interpreter

    try:
        return Interpreter(model_path=path, num_threads=1)
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{path}: not a model that s3rl_jax.export wrote: {str(error).splitlines()[0]}") from error


def _runner(interpreter, signature: str, path: str):
    found = interpreter.get_signature_list()
    heard = "samples" if signature == "stream" else "audio"
    if heard not in found.get(signature, {"inputs": ()})["inputs"]:
        raise UserError(f"{path}: not a model that s3rl_jax.export wrote for this: no signature {signature} that takes {heard}")
    return interpreter.get_signature_runner(signature)
