"""Generated noise and impulse responses of rooms, for corpora that have none."""

import numpy as np
from jaxtyping import Float
from scipy import signal

from s3rl_jax.audio.read import SAMPLE_RATE

KINDS = ("white", "pink", "brown", "hum", "fan", "clatter", "babble")


def coloured_noise(rng: np.random.Generator, samples: int, exponent: float) -> Float[np.ndarray, "samples"]:
    """Noise whose power falls as 1 / f^exponent: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 20.0)
    return _normalised(np.fft.irfft(spectrum * frequency ** (-exponent / 2), samples))


def generate_noise(
    rng: np.random.Generator, kind: str, seconds: float, speech: list[np.ndarray]
) -> Float[np.ndarray, "samples"]:
    """A noise recording with peak 0.5; babble is a mixture of `speech`, clips of 16 kHz."""
    samples = int(seconds * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    if kind in ("white", "pink", "brown"):
        return coloured_noise(rng, samples, {"white": 0.0, "pink": 1.0, "brown": 2.0}[kind])
    if kind == "hum":
        base = rng.choice([50.0, 60.0])
        tones = sum(np.sin(2 * np.pi * base * n * time + rng.uniform(0, 6)) / n for n in range(1, 12))
        return _normalised(tones + 0.3 * coloured_noise(rng, samples, 1.0))
    if kind == "fan":
        swing = 1 + 0.4 * np.sin(2 * np.pi * rng.uniform(3, 15) * time)
        band = signal.butter(2, [rng.uniform(80, 300), rng.uniform(1000, 3000)], "bandpass", fs=SAMPLE_RATE, output="sos")
        return _normalised(signal.sosfilt(band, rng.standard_normal(samples)) * swing)
    if kind == "clatter":
        hits = np.zeros(samples)
        hits[rng.integers(0, samples, int(seconds * 6))] = rng.standard_normal(int(seconds * 6))
        ring = np.exp(-np.arange(1600) / 200) * np.sin(2 * np.pi * rng.uniform(800, 4000) * np.arange(1600) / SAMPLE_RATE)
        return _normalised(signal.fftconvolve(hits, ring)[:samples] + 0.02 * rng.standard_normal(samples))
    if kind == "babble":
        track = np.zeros(samples)
        for _ in range(8):
            voice = np.concatenate([speech[i] for i in rng.permutation(len(speech))[:40]])
            track += np.resize(np.roll(voice, int(rng.integers(len(voice)))), samples)
        return _normalised(track)
    raise ValueError(f"no noise of kind {kind!r}")


def generate_room(rng: np.random.Generator, seconds: float) -> Float[np.ndarray, "samples"]:
    """An impulse response: the direct sound, then noise that decays by 60 dB in `seconds`."""
    samples = int(seconds * SAMPLE_RATE)
    tail = rng.standard_normal(samples) * 10 ** (-3 * np.arange(samples) / samples)
    tail[: int(rng.uniform(0.002, 0.01) * SAMPLE_RATE)] = 0
    tail *= rng.uniform(0.1, 0.5)
    tail[0] = 3.0
    return _normalised(tail)


def _normalised(audio: Float[np.ndarray, "samples"]) -> Float[np.ndarray, "samples"]:
    return (0.5 * audio / max(np.abs(audio).max(), 1e-9)).astype(np.float32)
