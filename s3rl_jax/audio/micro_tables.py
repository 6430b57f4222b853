"""Settings and tables of TensorFlow Lite Micro's audio front end, as ESPHome's micro_wake_word sets it up."""

import functools

import numpy as np
from jaxtyping import Float, Float32, Int32

from s3rl_jax.audio.fixed_point_fft import POINTS
from s3rl_jax.audio.read import SAMPLE_RATE

WINDOW = 480  # 30 ms
BANDS = 40
LOWEST_HERTZ, HIGHEST_HERTZ = 125.0, 7500.0
WINDOW_BITS = 12  # of the window's coefficients
BAND_BITS = 12  # of a bin's weight in a band
NOISE_BITS, ESTIMATE_BITS = 14, 10  # of the noise's smoothing, and of the fraction in its estimate
SMOOTHING = (0.025, 0.06)  # of the noise in bands with an even and with an odd index
LEAST_REMAINING = 0.05  # share of a band that remains after the noise is subtracted
GAIN_BITS, GAIN_STRENGTH, GAIN_OFFSET = 21, 0.95, 80.0
MAGNITUDE_BITS = 3  # by which a magnitude is smaller than the transform's without its divisions
LOG_BITS, SEGMENT_BITS = 16, 7  # of a logarithm's fraction, and of its table's segments


@functools.cache
def hann_window() -> Int32[np.ndarray, "480"]:
    turn, half = np.float32(2 * np.pi) / np.float32(WINDOW), np.float32(0.5)
    hann = half - half * np.cos(turn * (np.arange(WINDOW, dtype=np.float32) + half))
    return np.floor(hann * np.float32(1 << WINDOW_BITS) + half).astype(np.int32)


def mel_ends() -> Float32[np.ndarray, "42"]:
    """Where the bands begin, peak and end, at equal distances in mel."""
    low, high = _mel(np.array([LOWEST_HERTZ, HIGHEST_HERTZ], np.float32))
    return low + (high - low) / np.float32(BANDS + 1) * np.arange(BANDS + 2, dtype=np.float32)


def band_centres() -> Float[np.ndarray, "40"]:
    """Centre frequencies of the bands, in Hz."""
    return 700 * np.expm1(mel_ends()[1:-1].astype(np.float64) / 1127)


@functools.cache
def band_weights() -> Float32[np.ndarray, "257 40"]:
    """Whole numbers up to 2^12: a bin's energy is divided between the band in which it falls and the one in which it rises."""
    width, half, one = SAMPLE_RATE / POINTS, np.float32(0.5), np.float32(1)
    mel, ends = _mel(np.arange(POINTS // 2 + 1, dtype=np.float32) * np.float32(width)), mel_ends()
    weights = np.zeros((POINTS // 2 + 1, BANDS), np.float32)
    for index in range(int(1.5 + LOWEST_HERTZ / width), int(np.searchsorted(mel, ends[-1], side="right"))):
        rising = max(int(np.searchsorted(ends, mel[index], side="left")), 1) - 1  # the bin lies before this band's centre
        falling = (ends[rising + 1] - mel[index]) / (ends[rising + 1] - ends[rising])
        if rising > 0:
            weights[index, rising - 1] = np.floor(falling * np.float32(1 << BAND_BITS) + half)
        if rising < BANDS:
            weights[index, rising] = np.floor((one - falling) * np.float32(1 << BAND_BITS) + half)
    return weights


@functools.cache
def gain_table() -> tuple[Int32[np.ndarray, "33"], Int32[np.ndarray, "33"], Int32[np.ndarray, "33"]]:
    """Start, slope and curvature of the gain in each octave of the noise's estimate; octaves begin at 0, 1, 2, 4 to 2^31."""
    octaves = [(0, 0, 0), (1, 1, 1)] + [(1 << n, 3 << (n - 1), min(2 << n, (1 << 32) - 1)) for n in range(1, 32)]
    first, middle, last = (_gain(np.array(column, np.float64)) for column in zip(*octaves, strict=True))
    slope = 4 * (middle - first) - (last - first)
    return first, slope, last - first - slope


@functools.cache
def log_table() -> Int32[np.ndarray, "129"]:
    """By how much log2(1 + x) exceeds x at multiples of 1/128, times 2^16."""
    x = np.arange((1 << SEGMENT_BITS) + 1) / (1 << SEGMENT_BITS)
    return np.round((np.log2(1 + x) - x) * (1 << LOG_BITS)).astype(np.int32)


def _mel(hertz: Float32[np.ndarray, "points"]) -> Float32[np.ndarray, "points"]:
    return np.float32(1127) * np.log1p(hertz / np.float32(700))


def _gain(estimates: Float[np.ndarray, "points"]) -> Int32[np.ndarray, "points"]:
    noise = estimates.astype(np.float32) / np.float32(1 << (ESTIMATE_BITS - MAGNITUDE_BITS))
    gain = np.float32(1 << GAIN_BITS) * (noise + np.float32(GAIN_OFFSET)) ** np.float32(-GAIN_STRENGTH)
    return np.minimum(gain + np.float32(0.5), 32767).astype(np.int32)
