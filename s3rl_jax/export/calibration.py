"""The inputs on which a file is compared and calibrated: real clips, silence and noise, as calls of its signatures."""

from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Float

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.export.parity import Call
from s3rl_jax.export.signatures import Signature
from s3rl_jax.models.detector import OVERLAP, KeywordModel, student_features
from s3rl_jax.models.student.state import append

SILENCE_SECONDS = 2.0
NOISE_LEVELS = (1e-3, 0.03, 0.3)  # RMS of one clip of white noise each; the loudest one clips


def calls_for(signature: Signature, model: KeywordModel, clips: Float[np.ndarray, "clips samples"]) -> list[Call]:
    """The clips as calls: one clip a call, or, for a stepped signature, one hop a call of all clips in a row.

    Args:
      signature: of `model`.
      model: gives the lengths of clip and hop.
      clips: in [-1, 1], `model.clip` samples each; for a stepped signature any number of samples.
    """
    if "audio" in signature.inputs and not signature.state:
        return [{"audio": clip[None]} for clip in clips]
    audio = clips.reshape(1, -1)
    audio = audio[:, : audio.shape[1] // model.hop * model.hop]
    if "samples" in signature.inputs:
        return [{"samples": hop} for hop in np.split(audio, audio.shape[1] // model.hop, axis=1)]
    return [{"features": frames} for frames in _features(model, audio)]


def _features(model: KeywordModel, audio: Float[np.ndarray, "1 samples"]) -> Iterator[Float[np.ndarray, "1 time stacked"]]:
    """Features of each hop, as a front end on the device computes them."""

    @jax.jit
    def front_end(past, hop):
        samples, past = append(past, hop)
        return student_features(samples), past

    past = np.zeros((1, OVERLAP), np.float32)
    for hop in np.split(audio, audio.shape[1] // model.hop, axis=1):
        frames, past = front_end(past, hop)
        yield np.asarray(frames)


def with_silence_and_noise(clips: Float[np.ndarray, "clips samples"], seed: int) -> Float[np.ndarray, "more samples"]:
    """Digital silence, the clips, and white noise from faint to clipping: the extremes of what a microphone gives."""
    rng, samples = np.random.default_rng(seed), clips.shape[1]
    silence = np.zeros((max(1, round(SILENCE_SECONDS * SAMPLE_RATE / samples)), samples), np.float32)
    noise = np.stack([level * rng.standard_normal(samples) for level in NOISE_LEVELS]).clip(-1, 1).astype(np.float32)
    return np.concatenate([silence, clips, noise])


def with_states(signature: Signature, calls: list[Call], answers: list[Call]) -> list[Call]:
    """Adds to each call the state that the answer before it gave: the quantiser's calibration carries no state itself."""
    state = {name: np.zeros(signature.inputs[name], np.float32) for name in signature.state}
    complete = []
    for call, answer in zip(calls, answers, strict=True):
        complete.append(call | state)
        state = {name: answer[name] for name in signature.state}
    return complete
