"""TensorFlow Lite Micro's audio front end, as ESPHome's micro_wake_word runs it: the same integers for the same samples.

A frame of 30 ms passes a Hann window, a Fourier transform in 16 bits, 40 mel bands, a square root, the subtraction of a slowly
moving estimate of the noise, per-channel amplitude normalisation (PCAN, arXiv 1607.05666, section 3) and a logarithm. Only the
estimate of the noise has a state.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int16, Int32, UInt32

from s3rl_jax.audio.fixed_point import bit_length, blended, mantissa, rounded_root, scaled_down
from s3rl_jax.audio.fixed_point_fft import POINTS, real_spectrum
from s3rl_jax.audio.logmel import HOP
from s3rl_jax.audio.micro_tables import (
    BANDS,
    ESTIMATE_BITS,
    GAIN_BITS,
    LEAST_REMAINING,
    LOG_BITS,
    MAGNITUDE_BITS,
    NOISE_BITS,
    SEGMENT_BITS,
    SMOOTHING,
    WINDOW,
    WINDOW_BITS,
    band_weights,
    gain_table,
    hann_window,
    log_table,
)

UNITS = 25.6  # outputs are whole numbers of 0 to 670; microWakeWord's features are outputs divided by this
DEVIATION = 6.0  # of microWakeWord's features over speech
SNR_BITS, COMPRESSED_BITS = 12, 6  # of the signal after the gain, and after its compression
OUTPUT_BITS = 6  # of the logarithm
PLACE_BITS = 10  # of an estimate within its octave
CHUNK_BITS, CHUNKS = 7, 4  # an energy is weighted in parts, so that float32 holds the sums exactly

Signal = UInt32[Array, "*batch frames 40"]
Noise = UInt32[Array, "*batch 40"]


def micro_features(audio: Float[ArrayLike, "*batch samples"], noise: Noise) -> tuple[Float[Array, "*batch frames 40"], Noise]:
    """Outputs of the front end, scaled so that speech has about unit variance, for samples in [-1, 1].

    Samples are rounded to 16 bits, and clipped. The other argument and the results are those of `micro_units`.
    """
    samples = jnp.clip(jnp.round(jnp.asarray(audio) * 32768), -32768, 32767).astype(jnp.int16)
    units, noise = micro_units(samples, noise)
    return units.astype(jnp.float32) / np.float32(UNITS * DEVIATION), noise


def micro_units(samples: Int16[ArrayLike, "*batch samples"], noise: Noise) -> tuple[Int32[Array, "*batch frames 40"], Noise]:
    """Outputs of the front end, whole numbers.

    Args:
      samples: at 16 kHz; frame t is of the samples from 160 t to 160 t + 480.
      noise: the estimate of the noise after the frames before; zeros at the beginning of a stream.

    Returns:
      The outputs of all whole frames, and the estimate after the last one.
    """
    signal = _magnitudes(jnp.asarray(samples))
    estimates, noise = _noise_estimates(signal, noise)
    return _logarithm(_normalised(_without_noise(signal, estimates), estimates)), noise


def _magnitudes(samples: Int16[Array, "*batch samples"]) -> Signal:
    """Magnitudes of the mel bands of each frame."""
    frames = _frames(samples).astype(jnp.int32)
    window = hann_window().reshape(-1, *(1,) * (frames.ndim - 1))
    windowed = ((frames * window) >> WINDOW_BITS).astype(jnp.int16)
    # The negative of -32768 is -32768 in 16 bits, which is not the loudest sample then.
    loudest = jnp.maximum(jnp.abs(windowed).max(axis=0), 0).astype(jnp.uint32)
    louder = 15 - bit_length(loudest)  # the shift with which a frame fills 16 bits
    filled = (windowed.astype(jnp.int32) << louder.astype(jnp.int32)).astype(jnp.int16)
    real, imaginary = real_spectrum(jnp.pad(filled, [(0, POINTS - WINDOW)] + [(0, 0)] * (frames.ndim - 1)))
    high, low = _weighted(real * real + imaginary * imaginary)
    return rounded_root(high, low) >> louder[..., None]


def _frames(samples: Int16[Array, "*batch samples"]) -> Int16[Array, "480 *batch frames"]:
    hops, pieces = samples.shape[-1] // HOP, WINDOW // HOP
    cut = jnp.moveaxis(samples[..., : hops * HOP].reshape(*samples.shape[:-1], hops, HOP), -1, 0)
    return jnp.concatenate([cut[..., first : first + hops - pieces + 1] for first in range(pieces)])


def _weighted(energy: Int32[Array, "257 *batch frames"]) -> tuple[Signal, Signal]:
    """Sums of energies, below 2^28, with the weights of each band: the high and the low word of 64 bits."""
    shifts = np.arange(0, CHUNK_BITS * CHUNKS, CHUNK_BITS).reshape(-1, *(1,) * energy.ndim)
    chunks = ((energy >> shifts) & ((1 << CHUNK_BITS) - 1)).astype(jnp.float32)
    sums = jnp.einsum("ck...,kb->c...b", chunks, band_weights(), precision=jax.lax.Precision.HIGHEST).astype(jnp.uint32)
    first, second = (sums[i] + (sums[i + 1] << CHUNK_BITS) for i in (0, 2))
    low = first + (second << (2 * CHUNK_BITS))
    return (second >> (32 - 2 * CHUNK_BITS)) + (low < first), low


def _noise_estimates(signal: Signal, noise: Noise) -> tuple[Signal, Noise]:
    """The estimate of the noise, a moving average of the signal times 2^10: after each frame, and after the last one."""
    shares = np.array([int(share * (1 << NOISE_BITS)) for share in SMOOTHING], np.uint32)
    share = jnp.asarray(np.resize(shares, BANDS))

    def step(noise, frame):
        noise = blended(frame << ESTIMATE_BITS, noise, share, NOISE_BITS)
        return noise, noise

    noise, estimates = jax.lax.scan(step, noise, jnp.moveaxis(signal, -2, 0))
    return jnp.moveaxis(estimates, 0, -2), noise


def _without_noise(signal: Signal, estimates: Signal) -> Signal:
    """The signal minus the noise, at least a twentieth of the signal."""
    fine = signal << ESTIMATE_BITS
    least = scaled_down(signal, int(LEAST_REMAINING * (1 << NOISE_BITS)), NOISE_BITS)
    return jnp.maximum((fine - jnp.minimum(estimates, fine)) >> ESTIMATE_BITS, least)


def _normalised(signal: Signal, estimates: Signal) -> Signal:
    """The signal divided by about the noise to the power of 0.95, then compressed: a square below 2, a line above."""
    snr = scaled_down(signal, _gain(estimates), GAIN_BITS - MAGNITUDE_BITS - SNR_BITS)
    square = (snr * snr) >> (2 + 2 * SNR_BITS - COMPRESSED_BITS)
    line = (snr >> (SNR_BITS - COMPRESSED_BITS)) - (1 << COMPRESSED_BITS)
    return jnp.where(snr < (2 << SNR_BITS), square, line)


def _gain(estimates: Signal) -> Signal:
    """The gain for an estimate, by a parabola in each octave."""
    start, slope, curvature = (jnp.asarray(column)[bit_length(estimates)] for column in gain_table())
    place = mantissa(estimates, PLACE_BITS).astype(jnp.int32)
    rise = (((curvature * place) >> 5) + (slope << 5)) * place
    return (((rise + (1 << 14)) >> 15) + start).astype(jnp.uint32)


def _logarithm(signal: Signal) -> Int32[Array, "*batch frames 40"]:
    """64 times the natural logarithm of 8 times the signal, by a table; 0 for a signal of 0."""
    value = jnp.maximum(signal << MAGNITUDE_BITS, 1)
    whole, fraction = bit_length(value) - 1, mantissa(value, LOG_BITS).astype(jnp.int32)
    segment, table = fraction >> (LOG_BITS - SEGMENT_BITS), jnp.asarray(log_table())
    start, place = table[segment], fraction & ((1 << (LOG_BITS - SEGMENT_BITS)) - 1)
    fraction += start + (((table[segment + 1] - start) * place) >> LOG_BITS)
    # ln 2 times the logarithm to the base 2, its whole part and its fraction apart.
    half, natural = 1 << (LOG_BITS - 1), round(np.log(2) * (1 << LOG_BITS))
    logarithm = natural * whole + ((natural * fraction.astype(jnp.uint32) + half) >> LOG_BITS)
    return (((logarithm << OUTPUT_BITS) + half) >> LOG_BITS).astype(jnp.int32)
