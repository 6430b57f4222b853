"""The log-mel front end: the same function trains the student and is exported with it."""

import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from s3rl_jax.audio.read import SAMPLE_RATE

WINDOW = 400  # 25 ms
HOP = 160  # 10 ms
FFT = 512
BANDS = 64
LOG_FLOOR = 1e-7  # below the noise floor of 16-bit audio, above float32's rounding of a loud frame


def frame_count(samples):
    """Whole 25 ms windows, 10 ms apart, in that many samples. Works on integers and on arrays."""
    return (samples - WINDOW) // HOP + 1


def log_mel(audio: Float[Array, "*batch samples"]) -> Float[Array, "*batch frames bands"]:
    """Natural log of mel filter-bank energies: 64 Slaney bands, 25 ms Hann window, 10 ms shift.

    Equal to `log(librosa.feature.melspectrogram(pad(audio, 56), n_fft=512, win_length=400, hop_length=160,
    center=False, n_mels=64) + 1e-7)`: the padding only moves librosa's zeros, of which a power spectrum knows
    nothing.

    Args:
      audio: 16 kHz, in [-1, 1], at least 400 samples.
    """
    frames = _frames(audio) * _hann()
    spectrum = jnp.fft.rfft(frames, n=FFT)
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    return jnp.log(power @ _mel_filters() + LOG_FLOOR)


def standardise(features: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """Log-mel of ordinary speech to about zero mean and unit spread, by constants (no state to stream or export)."""
    return (features + 8.0) / 4.0


def stack_frames(features: Float[Array, "*batch frames bands"]) -> Float[Array, "*batch half stacked"]:
    """Joins each two 10 ms frames into one of 20 ms, the teacher's rate. An odd last frame is dropped."""
    *batch, frames, bands = features.shape
    return features[..., : frames // 2 * 2, :].reshape(*batch, frames // 2, 2 * bands)


def stacked_count(samples):
    """Whole 20 ms student frames in that many samples; at least 25 ms of them. Works on integers and on arrays."""
    return frame_count(samples) // 2


def _frames(audio):
    # A window spans two and a half hops: three shifted views of the signal cut into hops, side by side, hold every
    # window. No gather, which neither XLA on a CPU nor TFLite does quickly.
    count = frame_count(audio.shape[-1])
    pieces = -(-WINDOW // HOP)
    padded = (count - 1 + pieces) * HOP
    audio = jnp.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(0, max(0, padded - audio.shape[-1]))])
    hops = audio[..., :padded].reshape(*audio.shape[:-1], padded // HOP, HOP)
    shifted = [hops[..., i : i + count, :] for i in range(pieces)]
    return jnp.concatenate(shifted, axis=-1)[..., :WINDOW]


@functools.cache
def _hann() -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


@functools.cache
def _mel_filters() -> np.ndarray:
    import librosa

    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=FFT, n_mels=BANDS).T.astype(np.float32)


def to_float(audio: Int[Array | np.ndarray, "*any"]) -> Float[Array, "*any"]:
    """int16 samples to float32 in [-1, 1]."""
    return audio.astype(jnp.float32) / 32768.0
