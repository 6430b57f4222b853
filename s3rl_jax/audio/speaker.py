"""Another speaker of the same words: vocal-tract length and pitch, as pure functions of log-mel features.

A change of pitch without a change of tempo takes two steps: the waveform is played `pitch` times as fast (timing.py), which
moves pitch and formants, and `stretch_frames` gives the frames their time back. `warp_bands` moves the formants alone.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from s3rl_jax.audio.read import SAMPLE_RATE

FORMANTS_END = 4800.0  # Hz; frequencies below are scaled, those above are squeezed into what is left


def source_frequency(
    frequency: Float[ArrayLike, "*any"], factor: Float[ArrayLike, ""], high: float = FORMANTS_END
) -> Float[Array, "*any"]:
    """The frequency from which a warp by `factor` moves sound to `frequency`: the inverse of equation 1 of Jaitly and Hinton,
    Vocal Tract Length Perturbation (ICML workshop, 2013).

    Args:
      frequency: in Hz, up to half the sample rate, which stays where it is.
      factor: on the formants; above 1 for a shorter vocal tract.
      high: frequency up to which all is scaled alike, in Hz.
    """
    half = SAMPLE_RATE / 2
    knee = high * jnp.minimum(factor, 1.0)  # of the warped frequencies
    slope = (half - knee) / (half - knee / factor)
    frequency = jnp.asarray(frequency)
    return jnp.where(frequency <= knee, frequency / factor, half - (half - frequency) / slope)


def warp_bands(
    features: Float[ArrayLike, "frames bands"], factor: Float[ArrayLike, ""], centres: Float[ArrayLike, "bands"]
) -> Float[Array, "frames bands"]:
    """Moves the formants of features by a factor, as a vocal tract of another length does.

    Args:
      features: values of mel bands.
      factor: on the formants.
      centres: centre frequency of each band, in Hz.
    """
    centres = jnp.asarray(centres, jnp.float32)
    place = jnp.interp(source_frequency(centres, factor), centres, jnp.arange(len(centres), dtype=jnp.float32))
    return _interpolated(jnp.asarray(features).T, place).T


def stretch_frames(
    features: Float[ArrayLike, "frames bands"], factor: Float[ArrayLike, ""], anchor: Float[ArrayLike, ""]
) -> Float[Array, "frames bands"]:
    """Makes features `factor` times as long; the frame at `anchor` stays where it is. Beyond the ends is the first or last
    frame."""
    features = jnp.asarray(features)
    frames = jnp.arange(features.shape[0], dtype=jnp.float32)
    return _interpolated(features, anchor + (frames - anchor) / factor)


def _interpolated(rows: Float[Array, "rows values"], place: Float[Array, "places"]) -> Float[Array, "places values"]:
    """Rows at places between them, linearly; beyond the ends the first or last row."""
    place = jnp.clip(place, 0, rows.shape[0] - 1)
    low = jnp.minimum(place.astype(jnp.int32), rows.shape[0] - 2)
    part = (place - low)[:, None]
    return (1 - part) * rows[low] + part * rows[low + 1]
