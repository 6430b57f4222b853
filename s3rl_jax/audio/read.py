"""Reads audio files of any rate and number of channels as int16 at 16 kHz, mono."""

import os
import stat
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int16

from s3rl_jax.core.errors import one_line

SAMPLE_RATE = 16_000  # Hz, of every waveform in this package
FILE_RATES = (4_000, 384_000)  # Hz; a header that claims 1 Hz would turn sixty samples into a minute
MAX_HOURS = 24.0  # length of a file
MAX_SAMPLE = 65536.0  # times full scale; a resampler turns 1e18 into NaN
BLOCK = 1 << 18  # frames decoded at a time, so that hours of stereo at 48 kHz do not take gigabytes


class UnreadableAudio(Exception):
    """A file that cannot be used; the message says why."""


def read_audio(path: str | os.PathLike, channel: int | None = None) -> Int16[np.ndarray, "samples"]:
    """Reads WAV, FLAC, Ogg (Vorbis, Opus) or MP3 through libsndfile, by the content of the file, not by its name.

    Args:
      path: the file.
      channel: the channel to keep; None: the mean of all. (For impulse responses keep one: their mean is comb-filtered.)

    Returns:
      Samples at 16 kHz. Those of a 16-bit file at 16 kHz are unchanged.

    Raises:
      UnreadableAudio: for a path that is not a regular file, and a file that is not audio, is empty, is cut off, is longer
        than MAX_HOURS, or has a rate outside FILE_RATES, samples that are not finite, or samples above MAX_SAMPLE.
    """
    import soundfile

    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a fifo or a device could wait for ever
            raise UnreadableAudio("not a regular file")
    except OSError as error:
        raise UnreadableAudio(f"not readable as audio: {error.strerror}") from error
    try:
        with soundfile.SoundFile(path) as file:
            blocks = list(_blocks(file, channel))
    except (soundfile.SoundFileError, OSError) as error:
        raise UnreadableAudio(f"not readable as audio: {one_line(error)}") from error
    audio = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
    if not len(audio):
        raise UnreadableAudio("no samples")
    return audio


def to_int16(audio: Float[np.ndarray, "..."]) -> Int16[np.ndarray, "..."]:
    """Converts floats in [-1, 1] to int16, clipped at full scale."""
    return np.clip(np.rint(np.asarray(audio, np.float64) * 32768), -32768, 32767).astype(np.int16)


def _blocks(file: "soundfile.SoundFile", channel: int | None) -> Iterator[Int16[np.ndarray, "samples"]]:
    import soxr

    rate, decoded = file.samplerate, 0
    if not FILE_RATES[0] <= rate <= FILE_RATES[1]:
        raise UnreadableAudio(f"a sample rate out of range: {rate} Hz")
    resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32") if rate != SAMPLE_RATE else None
    # Not file.blocks, which needs a file that libsndfile can seek in; a damaged one may be none.
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        decoded += len(block)
        if not np.isfinite(block).all():
            raise UnreadableAudio("samples that are NaN or infinite")
        if np.abs(block).max(initial=0) > MAX_SAMPLE:
            raise UnreadableAudio("samples far beyond full scale")
        if decoded > MAX_HOURS * 3600 * rate:
            raise UnreadableAudio(f"longer than {MAX_HOURS:g} hours")
        mono = block.mean(axis=1) if channel is None else block[:, channel]
        yield to_int16(resampler.resample_chunk(mono) if resampler else mono)
    if decoded < file.frames:
        raise UnreadableAudio(f"cut off: {decoded / rate:.2f} of {file.frames / rate:.2f} seconds are there")
    if resampler:
        yield to_int16(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
