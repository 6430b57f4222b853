"""Audio files of any rate and channel count -> int16 at 16 kHz, mono."""

import os

import numpy as np
from jaxtyping import Int16

SAMPLE_RATE = 16_000


class UnreadableAudio(Exception):
    """A file that cannot be used; the message is the reason that the user reads."""


def read_audio(path: str | os.PathLike, channel: int | None = None) -> Int16[np.ndarray, "samples"]:
    """Reads WAV, FLAC, Ogg (Vorbis, Opus) or MP3 through libsndfile.

    Args:
      path: the file.
      channel: the channel to keep; None averages all of them. (Averaging the channels of an impulse response
        would comb-filter it.)

    Returns:
      int16 samples at 16 kHz. 16-bit files at 16 kHz come through unchanged.

    Raises:
      UnreadableAudio: not audio, empty, or with samples that are not finite.
    """
    import librosa
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise UnreadableAudio(f"not readable as audio: {' '.join(str(error).split())}") from error
    if not len(samples):
        raise UnreadableAudio("no samples")
    if not np.isfinite(samples).all():
        raise UnreadableAudio("samples that are NaN or infinite")
    mono = samples.mean(axis=1) if channel is None else samples[:, channel]
    if rate != SAMPLE_RATE:
        mono = librosa.resample(mono, orig_sr=rate, target_sr=SAMPLE_RATE)
    if not len(mono):
        raise UnreadableAudio("no samples")
    return to_int16(mono)


def to_int16(audio: np.ndarray) -> Int16[np.ndarray, "..."]:
    """[-1, 1] floats to int16, clipped at full scale."""
    return np.clip(np.rint(np.asarray(audio, np.float64) * 32768), -32768, 32767).astype(np.int16)
