"""Enrolment: the mean voice of a few recordings of the keyword by one person."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from s3rl_jax.audio.read import UnreadableAudio, read_audio
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.detector import Detector
from s3rl_jax.detect.litert import VOICE
from s3rl_jax.detect.samples import to_float
from s3rl_jax.detect.voice import VoiceModel, mean_voice

FEWEST, MOST = 3, 10  # recordings


class Enrolled(NamedTuple):
    """The result of an enrolment.

    Attributes:
      threshold: lowest cosine at which the detector fires.
      farthest: recordings whose cosine with the mean of the others is lower, and that cosine.
    """

    threshold: float
    farthest: dict[str, float]


def enrol(model: str, recordings: Sequence[str], out: Path) -> Enrolled:
    """Writes the voice of the recordings.

    Args:
      model: a .tflite of `s3rl_jax.export --voice`.
      recordings: files in each of which one person says the keyword; of several detections in a file the first is used.
      out: the .json to write.

    Raises:
      UserError: if the model cannot tell voices apart, or a recording cannot be read or the detector does not fire in it.
      OSError: if `out` cannot be written.
    """
    voice, detector = VoiceModel(model), Detector(model)
    sounds = {name: _sound(name) for name in recordings}
    units = {name: unit_of(detector, voice, sound) for name, sound in sounds.items()}
    if silent := [name for name, unit in units.items() if unit is None]:
        raise UserError(f"{', '.join(silent)}: {detector.labels[1]} was not heard; expected the keyword in each recording")
    heard = np.stack(list(units.values()))
    with durably(out) as file:
        json.dump({"sha256": voice.sha256, "recordings": len(heard), VOICE: mean_voice(heard).tolist()}, file)
    cosines = [float(unit @ mean_voice(np.delete(heard, place, axis=0))) for place, unit in enumerate(heard)]
    far = {name: cosine for name, cosine in zip(units, cosines, strict=True) if cosine < voice.threshold}
    return Enrolled(voice.threshold, far)


def unit_of(detector: Detector, voice: VoiceModel, sound: Float32[np.ndarray, "samples"]) -> Float[np.ndarray, "dims"] | None:
    """The voice at the first detection in a sound at 16 kHz; None where there is no detection."""
    detector.reset()
    detections = detector.process(sound) + detector.flush()
    if not detections:
        return None
    silence = np.zeros(voice.window, np.float32)
    end = round(detections[0].seconds * detector.sample_rate)
    return voice.unit(np.concatenate([silence, sound, silence])[end : end + voice.window])


def _sound(path: str) -> Float32[np.ndarray, "samples"]:
    try:
        return to_float(read_audio(path))
    except UnreadableAudio as error:
        raise UserError(f"{path}: {error}") from error
