"""The voice of a detection: whether it is that of the person whose recordings s3rl_jax.enrol has heard.

It is a check of the detector's own mean output, not an identification: another person who says the keyword passes often.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import read_model
from s3rl_jax.detect.litert import DETECT, VOICE, LiteRtModel


class VoiceSpace(NamedTuple):
    """The linear map of the student's mean output in which a speaker's recordings lie close together."""

    mean: Float[np.ndarray, "width"]
    projection: Float[np.ndarray, "width dims"]

    def unit(self, means: Float[np.ndarray, "*batch width"]) -> Float[np.ndarray, "*batch dims"]:
        """Maps mean outputs to vectors of length 1; the cosine of two of them tells how alike the voices are."""
        return _of_length_1((means - self.mean) @ self.projection)


def mean_voice(units: Float[np.ndarray, "recordings dims"]) -> Float[np.ndarray, "dims"]:
    """The mean of several voices, of length 1."""
    return _of_length_1(units.mean(axis=0))


def _of_length_1(vectors: Float[np.ndarray, "*batch dims"]) -> Float[np.ndarray, "*batch dims"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


class VoiceModel:
    """Computes the voice in a window of sound.

    Args:
      path: a .tflite of `s3rl_jax.export --voice`, with its .json beside it.

    Attributes:
      window: samples that it takes.
      size: values of a voice.
      sha256: digest of the file.
      threshold: lowest cosine of a recording of the speaker with the mean of others.

    Raises:
      UserError: if the file is no such model.
    """

    def __init__(self, path: str):
        content, fields, description = read_model(path)
        if VOICE not in fields:
            raise UserError(f"{path}: cannot tell voices apart; expected a file of python -m s3rl_jax.export --voice")
        self.window, self.sha256 = description.window, fields.get("sha256", "")
        field = fields[VOICE]
        self.threshold = float(field["threshold"])
        self._space = VoiceSpace(np.array(field["mean"]), np.array(field["projection"]))
        self.size = self._space.projection.shape[1]
        self._model = LiteRtModel(content, self.window, path, DETECT)
        width = self._model.outputs(np.zeros(self.window, np.float32)).get(VOICE, np.zeros(0)).shape
        if width != self._space.mean.shape:
            raise UserError(f"{path}: its voice has {width} values; its .json is for {self._space.mean.shape}")

    def unit(self, samples: Float[np.ndarray, "window"]) -> Float[np.ndarray, "size"]:
        """The voice in the last `window` samples of a stream, a vector of length 1."""
        return self._space.unit(self._model.outputs(samples)[VOICE])


class VoiceCheck:
    """Whether a detection is in the enrolled voice. It runs only at hops at which the detector would fire.

    Args:
      model: a .tflite of `s3rl_jax.export --voice`.
      enrolled: the .json that s3rl_jax.enrol wrote for it.

    Attributes:
      window: samples that it takes.

    Raises:
      UserError: as `VoiceModel`, and for a .json that is damaged or of another model.
    """

    def __init__(self, model: str, enrolled: str):
        self._model = VoiceModel(model)
        self.window = self._model.window
        self._voice = _read(enrolled, self._model)

    def agrees(self, keyword: int, samples: Float[np.ndarray, "window"]) -> bool:
        """Whether the last `window` samples of a stream are in the enrolled voice; `keyword` is not used."""
        return float(self._model.unit(samples) @ self._voice) >= self._model.threshold


def _read(path: str, model: VoiceModel) -> Float[np.ndarray, "dims"]:
    try:
        fields = json.loads(Path(path).read_text(encoding="utf-8"))
        digest, voice = fields["sha256"], np.array(fields[VOICE], np.float64)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; expected a file of python -m s3rl_jax.enrol") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: not a file that s3rl_jax.enrol wrote ({type(error).__name__}: {error})") from error
    if digest != model.sha256:
        raise UserError(f"{path}: of another model (its SHA-256 differs); enrol again with this one")
    if voice.shape != (model.size,) or not np.isfinite(voice).all():
        raise UserError(f"{path}: {VOICE} of shape {voice.shape}: not a file that s3rl_jax.enrol wrote for this model")
    return voice
