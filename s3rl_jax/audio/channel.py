"""The acoustic channel from mouth to microphone, as pure functions of one waveform: room, frequency band, other sound, gain."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float, Int

from s3rl_jax.audio.read import SAMPLE_RATE

Waveform = Float[ArrayLike, "samples"]
Scalar = Float[ArrayLike, ""]


def power(audio: Waveform, length: Int[ArrayLike, ""]) -> Float[Array, ""]:
    """Mean square of the first `length` samples."""
    inside = jnp.arange(audio.shape[0]) < length
    return jnp.sum(jnp.square(audio) * inside) / jnp.maximum(length, 1)


def add_noise(
    audio: Waveform,
    noise: Waveform,
    length: Int[ArrayLike, ""],
    snr_db: Scalar,
) -> Float[Array, "samples"]:
    """Adds `noise`, scaled so that in the first `length` samples the power of `audio` is `snr_db` decibels above it."""
    scale = jnp.sqrt(power(audio, length) / jnp.maximum(power(noise, length), 1e-12) * 10 ** (-snr_db / 10))
    return audio + scale * noise


def amplify(audio: Waveform, gain_db: Scalar) -> Float[Array, "samples"]:
    """Multiplies by a gain in decibels."""
    return jnp.asarray(audio) * 10 ** (gain_db / 20)


def transform_size(samples: int, taps: int) -> int:
    """Least power of two at which a circular convolution of `samples` samples with `taps` taps does not wrap around."""
    return 1 << (samples + taps - 2).bit_length()


def room_spectrum(response: Float[ArrayLike, "taps"], size: int) -> Complex[Array, "bins"]:
    """Spectrum of an impulse response whose direct sound is at tap 0."""
    return jnp.fft.rfft(response, size)


def band_spectrum(low_hz: Scalar, high_hz: Scalar, size: int) -> Float[Array, "bins"]:
    """Spectrum of a band-pass: 1 between the two frequencies; outside, it falls to 0 over a tenth of the frequency.

    It is real, so it adds no delay. With `low_hz` 0 the lowest frequencies pass, with `high_hz` half the sample rate the
    highest.
    """
    frequency = jnp.arange(size // 2 + 1) * (SAMPLE_RATE / size)

    def edge(distance):  # in widths of the transition: a raised cosine from 1 at 0 to 0 at 1
        return 0.5 + 0.5 * jnp.cos(jnp.pi * jnp.clip(distance, 0, 1))

    above = edge((frequency - high_hz) / (0.1 * high_hz))
    below = edge((low_hz - frequency) / jnp.maximum(0.1 * low_hz, 1e-6))
    return above * below


def filtered(audio: Waveform, spectrum: Complex[ArrayLike, "bins"] | Float[ArrayLike, "bins"]) -> Float[Array, "samples"]:
    """Multiplies the audio's spectrum by another one of size // 2 + 1 bins; keeps the length and the power."""
    size = 2 * (spectrum.shape[0] - 1)
    wet = jnp.fft.irfft(jnp.fft.rfft(audio, size) * spectrum, size)[: audio.shape[0]]
    loudness = jnp.sum(jnp.square(audio)) / jnp.maximum(jnp.sum(jnp.square(wet)), 1e-12)
    return wet * jnp.sqrt(loudness)


def reverberate(audio: Waveform, response: Float[ArrayLike, "taps"]) -> Float[Array, "samples"]:
    """Convolves with an impulse response whose direct sound is at tap 0; keeps the length and the power."""
    size = transform_size(audio.shape[0], response.shape[0])
    return filtered(audio, room_spectrum(response, size))


def band_limit(audio: Waveform, low_hz: Scalar, high_hz: Scalar) -> Float[Array, "samples"]:
    """Keeps the band between two frequencies, as a telephone or a small loudspeaker does; keeps length and power."""
    size = transform_size(2 * audio.shape[0], 1)
    return filtered(audio, band_spectrum(low_hz, high_hz, size))
