"""The log-mel front end: the same function trains the student and is exported with it."""

import functools
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int16, Integer

from s3rl_jax.audio.mel import mel_filters
from s3rl_jax.audio.read import SAMPLE_RATE

WINDOW = 400  # 25 ms
HOP = 160  # 10 ms
FFT = 512
BANDS = 64
STACKED_HOP = 2 * HOP  # 20 ms: from one student frame to the next
STACKED_CENTRE = (WINDOW + HOP - 1) / 2  # sample at the centre of student frame 0, which spans two windows, HOP apart
LOG_FLOOR = 1e-7  # below the noise floor of 16-bit audio, above float32's rounding of a loud frame

Count = int | np.integer | Integer[np.ndarray, "*any"] | Integer[Array, "*any"]  # one number of samples or frames, or many


def frame_count(samples: Count) -> Count:
    """Number of whole 25 ms windows, 10 ms apart, in `samples` samples."""
    return (samples - WINDOW) // HOP + 1


def power_spectrum(frames: Float[Array, "*batch window"]) -> Float[Array, "*batch bins"]:
    """Squared magnitude of the Fourier transform of windowed frames, padded to 512 samples: 257 bins."""
    spectrum = jnp.fft.rfft(frames, n=FFT)
    return jnp.square(spectrum.real) + jnp.square(spectrum.imag)


def log_mel(
    audio: Float[ArrayLike, "*batch samples"], spectrum: Callable[[Array], Array] = power_spectrum
) -> Float[Array, "*batch frames bands"]:
    """Natural log of mel filter-bank energies: 64 Slaney bands, 25 ms Hann window, 10 ms shift.

    Equal to `log(librosa.feature.melspectrogram(pad(audio, 56), n_fft=512, win_length=400, hop_length=160,
    center=False, n_mels=64) + 1e-7)`: the padding only moves librosa's zeros, which does not change a
    power spectrum.

    Args:
      audio: samples in [-1, 1] at 16 kHz, at least 400.
      spectrum: a function equal to `power_spectrum`; exports without a Fourier transform give another one.
    """
    return jnp.log(spectrum(_windows(audio) * _hann()) @ _mel_filters() + LOG_FLOOR)


def standardise(features: Float[ArrayLike, "*any"]) -> Float[ArrayLike, "*any"]:
    """Shifts and scales log-mel by constants, so that speech has about zero mean and unit variance, without a state."""
    return (features + 8.0) / 4.0


def stack_frames(features: Float[ArrayLike, "*batch frames bands"]) -> Float[ArrayLike, "*batch half stacked"]:
    """Joins each pair of 10 ms frames into one frame of 20 ms, the teacher's rate. An odd last frame is dropped."""
    *batch, frames, bands = features.shape
    return features[..., : frames // 2 * 2, :].reshape(*batch, frames // 2, 2 * bands)


def stacked_count(samples: Count) -> Count:
    """Number of whole 20 ms student frames in `samples` samples, at least 400."""
    return frame_count(samples) // 2


def _windows(audio):
    # A window spans two and a half hops: three shifted views of the signal, cut into hops and joined side by side, hold
    # every window. A gather would be slow in XLA on a CPU and in TFLite.
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
    return mel_filters(SAMPLE_RATE, FFT, BANDS)


def to_float(audio: Int16[ArrayLike, "*any"]) -> Float[ArrayLike, "*any"]:
    """Converts int16 samples to float32 in [-1, 1]."""
    return audio.astype(jnp.float32) / 32768.0
