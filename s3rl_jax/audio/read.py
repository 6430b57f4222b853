"""Audio files of any rate and channel count -> int16 at 16 kHz, mono."""

import os
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int16

SAMPLE_RATE = 16_000  # Hz, of every waveform in this package
BLOCK = 1 << 18  # frames that are decoded at a time, so that hours of stereo at 48 kHz need no gigabytes


class UnreadableAudio(Exception):
    """A file that cannot be used; the message is the reason that the user reads."""


def read_audio(path: str | os.PathLike, channel: int | None = None) -> Int16[np.ndarray, "samples"]:
    """Reads WAV, FLAC, Ogg (Vorbis, Opus) or MP3 through libsndfile, by what the file holds, not by its name.

    Args:
      path: the file.
      channel: the channel to keep; None averages all of them. (Averaging the channels of an impulse response
        would comb-filter it.)

    Returns:
      int16 samples at 16 kHz. 16-bit files at 16 kHz come through unchanged.

    Raises:
      UnreadableAudio: not audio, empty, cut off, or with samples that are not finite.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            blocks = list(_blocks(file, channel))
    except (soundfile.SoundFileError, OSError) as error:
        raise UnreadableAudio(f"not readable as audio: {' '.join(str(error).split())}") from error
    audio = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
    if not len(audio):
        raise UnreadableAudio("no samples")
    return audio


def to_int16(audio: np.ndarray) -> Int16[np.ndarray, "..."]:
    """[-1, 1] floats to int16, clipped at full scale."""
    return np.clip(np.rint(np.asarray(audio, np.float64) * 32768), -32768, 32767).astype(np.int16)


def _blocks(file, channel) -> Iterator[Int16[np.ndarray, "samples"]]:
    import soxr

    rate, heard = file.samplerate, 0
    resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32") if rate != SAMPLE_RATE else None
    for block in file.blocks(BLOCK, dtype="float32", always_2d=True):
        heard += len(block)
        if not np.isfinite(block).all():
            raise UnreadableAudio("samples that are NaN or infinite")
        mono = block.mean(axis=1) if channel is None else block[:, channel]
        yield to_int16(resampler.resample_chunk(mono) if resampler else mono)
    if heard < file.frames:
        raise UnreadableAudio(f"cut off: {heard / rate:.2f} of {file.frames / rate:.2f} seconds are there")
    if resampler:
        yield to_int16(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
