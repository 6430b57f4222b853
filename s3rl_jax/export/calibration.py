"""What a file is compared and calibrated on: real clips, silence and noise, in the form in which it is called."""

import jax
import numpy as np
from jaxtyping import Float

from s3rl_jax.export.signatures import Signature
from s3rl_jax.models.detector import OVERLAP, KeywordModel, student_features
from s3rl_jax.models.student.state import append

SILENCE_SECONDS = 2.0
NOISE_LEVELS = (1e-3, 0.03, 0.3)  # RMS of a clip of white noise each; the loudest clips


def calls_of(
    signature: Signature, model: KeywordModel, clips: Float[np.ndarray, "clips samples"]
) -> list[dict[str, np.ndarray]]:
    """The clips, one a call, or, for a signature that is stepped, one after the other in a stream of hops.

    Args:
      signature: of `model`.
      model: whose clip and hop these are.
      clips: in [-1, 1], of `model.clip` samples.
    """
    if "audio" in signature.inputs and not signature.state:
        return [{"audio": clip[None]} for clip in clips]
    audio = clips.reshape(1, -1)
    audio = audio[:, : audio.shape[1] // model.hop * model.hop]
    if "samples" in signature.inputs:
        return [{"samples": hop} for hop in np.split(audio, audio.shape[1] // model.hop, axis=1)]
    return [{"features": frames} for frames in _features(model, audio)]


def _features(model: KeywordModel, audio):
    """What a front end on the device makes of each hop."""

    @jax.jit
    def heard(past, hop):
        samples, past = append(past, hop)
        return student_features(samples), past

    past = np.zeros((1, OVERLAP), np.float32)
    for hop in np.split(audio, audio.shape[1] // model.hop, axis=1):
        frames, past = heard(past, hop)
        yield np.asarray(frames)


def with_silence_and_noise(clips: Float[np.ndarray, "clips samples"], seed: int) -> Float[np.ndarray, "more samples"]:
    """Digital silence, the clips, and white noise from faint to clipping: the ends of what a microphone gives."""
    rng, samples = np.random.default_rng(seed), clips.shape[1]
    silent = np.zeros((max(1, round(SILENCE_SECONDS * 16_000 / samples)), samples), np.float32)
    noise = np.stack([level * rng.standard_normal(samples) for level in NOISE_LEVELS]).clip(-1, 1).astype(np.float32)
    return np.concatenate([silent, clips, noise])


def with_states(
    signature: Signature, calls: list[dict[str, np.ndarray]], answers: list[dict[str, np.ndarray]]
) -> list[dict[str, np.ndarray]]:
    """The calls with the states that precede them, out of their answers: what a calibration feeds, which carries none."""
    before = {name: np.zeros(signature.inputs[name], np.float32) for name in signature.state}
    full = []
    for call, answer in zip(calls, answers, strict=True):
        full.append(call | before)
        before = {name: answer[name] for name in signature.state}
    return full
