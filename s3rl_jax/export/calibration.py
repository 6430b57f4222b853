"""The inputs for comparison and calibration of a file: real clips, silence and noise, as calls of its signatures."""

from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Float

from s3rl_jax.audio.front_end import FRONT_ENDS, MICRO
from s3rl_jax.audio.micro import DEVIATION
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.export.parity import Call
from s3rl_jax.export.signatures import Signature
from s3rl_jax.models.detector import OVERLAP, KeywordModel, student_features
from s3rl_jax.models.student.state import append

HOPS_A_CALL = 64  # of a stream whose features are computed at once
SILENCE_SECONDS = 2.0
NOISE_LEVELS = (1e-3, 0.03, 0.3)  # root mean squares of the clips of white noise; samples of the loudest one are clipped


def calls_for(signature: Signature, model: KeywordModel, clips: Float[np.ndarray, "clips samples"]) -> list[Call]:
    """Turns clips into calls: a clip for each call; or, for a signature with a state, a hop of the joined clips for each call.

    Args:
      signature: a signature of `model`.
      model: the model, for the lengths of clip and hop.
      clips: samples in [-1, 1], `model.clip` for each clip; for a signature with a state, any number.
    """
    if "audio" in signature.inputs and not signature.state:
        return [{"audio": clip[None]} for clip in clips]
    audio = clips.reshape(1, -1)
    audio = audio[:, : audio.shape[1] // model.hop * model.hop]
    if "samples" in signature.inputs:
        return [{"samples": hop} for hop in np.split(audio, audio.shape[1] // model.hop, axis=1)]
    features = _micro_features if model.front_end is FRONT_ENDS[MICRO] else _features
    return [{"features": frames} for frames in features(model, audio)]


def _features(model: KeywordModel, audio: Float[np.ndarray, "1 samples"]) -> Iterator[Float[np.ndarray, "1 time stacked"]]:
    """Yields the features of each hop, as a front end on the device computes them."""

    @jax.jit
    def front_end(past, hop):
        samples, past = append(past, hop)
        return student_features(samples), past

    past = np.zeros((1, OVERLAP), np.float32)
    for hop in np.split(audio, audio.shape[1] // model.hop, axis=1):
        frames, past = front_end(past, hop)
        yield np.asarray(frames)


def _micro_features(model: KeywordModel, audio: Float[np.ndarray, "1 samples"]) -> Iterator[Float[np.ndarray, "1 steps bands"]]:
    """Yields the features of each hop as microWakeWord has them, 0 to 26."""
    front_end, hops = model.front_end, audio.shape[1] // model.hop
    hops_a_call = min(HOPS_A_CALL, hops)
    spare = -hops % hops_a_call
    padded = np.pad(audio, ((0, 0), (front_end.overlap, spare * model.hop)))  # all calls have one shape
    compute, carried = jax.jit(front_end.features), front_end.initial(1)
    for first in range(0, hops, hops_a_call):
        part = padded[:, first * model.hop : (first + hops_a_call) * model.hop + front_end.overlap]
        features, carried = compute(part, carried)
        steps = np.asarray(features[0] * DEVIATION).reshape(hops_a_call, 1, -1, front_end.bands)
        yield from steps[: hops - first]


def with_silence_and_noise(clips: Float[np.ndarray, "clips samples"], seed: int) -> Float[np.ndarray, "more samples"]:
    """Adds the extremes of a microphone's signal to the clips: digital silence before them, white noise after them."""
    rng, samples = np.random.default_rng(seed), clips.shape[1]
    silence = np.zeros((max(1, round(SILENCE_SECONDS * SAMPLE_RATE / samples)), samples), np.float32)
    noise = np.stack([level * rng.standard_normal(samples) for level in NOISE_LEVELS]).clip(-1, 1).astype(np.float32)
    return np.concatenate([silence, clips, noise])


def with_states(signature: Signature, calls: list[Call], outputs: list[Call]) -> list[Call]:
    """Adds the state to each call, from the outputs of the last call, because the quantiser's calibration carries no state."""
    state = {name: np.zeros(signature.inputs[name], np.float32) for name in signature.state}
    complete = []
    for call, output in zip(calls, outputs, strict=True):
        complete.append(call | state)
        state = {name: output[name] for name in signature.state}
    return complete
