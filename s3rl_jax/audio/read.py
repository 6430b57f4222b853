"""Reads audio files of any format, rate and number of channels as int16 at 16 kHz, mono."""

import os
import stat

import numpy as np
from jaxtyping import Float, Int16

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.formats import Recording
from s3rl_jax.detect.mixing import Mixer
from s3rl_jax.detect.recording import open_recording
from s3rl_jax.detect.resampling import Resampler

SAMPLE_RATE = 16_000  # Hz, of every waveform in this package
MAX_HOURS = 24.0  # length of a file


class UnreadableAudio(Exception):
    """A file that cannot be used; the message says why."""


def read_audio(path: str | os.PathLike, channel: int | None = None) -> Int16[np.ndarray, "samples"]:
    """Reads a recording as a device reads it: WAV, what libsndfile reads (FLAC, Ogg, MP3), and what FFmpeg reads (m4a, webm).

    Args:
      path: the file; its content, not its name, says the format.
      channel: the channel to keep; None: all that carry sound are mixed in phase. (For impulse responses keep one: a mix is
        comb-filtered.)

    Returns:
      Samples at 16 kHz. Those of a 16-bit file at 16 kHz are unchanged.

    Raises:
      UnreadableAudio: for a path that is not a regular file, and a file that is not audio, is empty, is cut off, is longer
        than MAX_HOURS, or has a rate out of range, samples that are not finite, or samples far beyond full scale.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a fifo or a device could wait for ever
            raise UnreadableAudio("not a regular file")
    except OSError as error:
        raise UnreadableAudio(f"not readable as audio: {error.strerror}") from error
    try:
        with open_recording(str(path), whole=True) as recording:
            return _as_mono(recording, channel)
    except (UserError, ValueError) as error:  # ValueError: no such channel
        raise UnreadableAudio(str(error).removeprefix(f"{path}: ")) from error


def to_int16(audio: Float[np.ndarray, "..."]) -> Int16[np.ndarray, "..."]:
    """Converts floats in [-1, 1] to int16, clipped at full scale."""
    return np.clip(np.rint(np.asarray(audio, np.float64) * 32768), -32768, 32767).astype(np.int16)


def _as_mono(recording: Recording, channel: int | None) -> Int16[np.ndarray, "samples"]:
    mixer, resampler = Mixer(recording.rate, channel), Resampler(recording.rate, SAMPLE_RATE)
    audio, frames = [], 0
    for block in recording.blocks:
        frames += len(block)
        if frames > MAX_HOURS * 3600 * recording.rate:
            raise UnreadableAudio(f"longer than {MAX_HOURS:g} hours")
        audio.append(to_int16(resampler.process(mixer.process(block))))
    audio.append(to_int16(resampler.process(mixer.flush(), last=True)))
    return np.concatenate(audio)
