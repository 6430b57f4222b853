"""Mel filter banks, bit for bit those of `librosa.filters.mel`, whose import takes each command more than a second."""

import numpy as np
from jaxtyping import Float

# Slaney's scale: linear below 1000 Hz, logarithmic above.
HERTZ_PER_MEL = 200.0 / 3
KNEE_HERTZ = 1000.0
KNEE_MEL = KNEE_HERTZ / HERTZ_PER_MEL
LOG_STEP = np.log(6.4) / 27.0


def mel_filters(rate: int, fft: int, bands: int) -> Float[np.ndarray, "bins {bands}"]:
    """Triangles of equal width in mel from 0 Hz to half the rate, each of area 2 in 1/Hz (Slaney's norm).

    Args:
      rate: of the audio, in Hz.
      fft: samples of the Fourier transform, which has `fft // 2 + 1` bins.
      bands: number of triangles.
    """
    corners = mel_corners(rate, bands)
    widths = np.diff(corners)
    distances = np.subtract.outer(corners, np.fft.rfftfreq(fft, 1.0 / rate))
    rising, falling = -distances[:-2] / widths[:-1, None], distances[2:] / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    triangles *= (2.0 / (corners[2:] - corners[:-2]))[:, None]
    return triangles.T


def mel_corners(rate: int, bands: int) -> Float[np.ndarray, "corners"]:
    """Where the triangles begin, peak and end, in Hz: `bands + 2` frequencies at equal distances in mel."""
    return _hertz(np.linspace(0.0, _mel(rate / 2), bands + 2))


def _mel(hertz: float) -> float:
    """The mel value of a frequency above the knee."""
    return KNEE_MEL + np.log(hertz / KNEE_HERTZ) / LOG_STEP


def _hertz(mel: Float[np.ndarray, "points"]) -> Float[np.ndarray, "points"]:
    hertz = HERTZ_PER_MEL * mel
    above = mel >= KNEE_MEL
    hertz[above] = KNEE_HERTZ * np.exp(LOG_STEP * (mel[above] - KNEE_MEL))
    return hertz
