"""Reading of files that are not WAV: by libsndfile, else by PyAV, each if it is installed."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from s3rl_jax.core.errors import UserError, one_line
from s3rl_jax.detect.media import UnreadableMedia, open_media
from s3rl_jax.detect.samples import RATES

BLOCK_SECONDS = 1.0

Blocks = Iterator[Float32[np.ndarray, "frames channels"]]


class Recording(NamedTuple):
    """Sound from a file or a stream.

    Attributes:
      rate: Hz.
      channels: number of channels.
      blocks: the sound in order, [frames, channels] each, in [-1, 1]. Iterating raises UserError where the samples cannot be
        read any further, or are not sound.
    """

    rate: int
    channels: int
    blocks: Blocks


def open_other(path: str, reason: str, cut_off: Callable[[float], None]) -> Recording:
    """Opens a file that `s3rl_jax.detect.riff` cannot read.

    Args:
      path: the file.
      reason: why `riff` cannot read it, for the message.
      cut_off: is called with the number of seconds that are missing, if libsndfile knows the length and the file ends before.

    Raises:
      UserError: if no installed library can read it; gives the reason of each.
    """
    try:
        import soundfile
    except ImportError:
        return _by_media(path, f"{reason}; for other formats, pip install soundfile")
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError) as error:
        return _by_media(path, f"{reason}; {one_line(error)}")
    if not RATES[0] <= file.samplerate <= RATES[1]:
        raise UserError(f"{path}: a sample rate out of range: {file.samplerate} Hz; expected {RATES[0]} to {RATES[1]}")
    blocks = _all_of(_soundfile_blocks(file, path, reason), file.frames, file.samplerate, cut_off)
    return Recording(file.samplerate, file.channels, blocks)


def _soundfile_blocks(file, path: str, reason: str) -> Blocks:
    """Yields blocks from libsndfile. Where it stops with an error, as in some Ogg Opus files, PyAV continues from there."""
    import soundfile

    frames = 0
    try:
        with file:
            # Not file.blocks: it trusts the length in the header, of which a FLAC may claim 2^38 samples.
            while len(block := file.read(round(BLOCK_SECONDS * file.samplerate), dtype="float32", always_2d=True)):
                frames += len(block)
                yield block
        return
    except (soundfile.SoundFileError, OSError, MemoryError) as error:
        problem = one_line(error)
    rest = _by_media(path, f"{reason}; {problem}")
    if (rest.rate, rest.channels) != (file.samplerate, file.channels):
        raise UserError(f"{path}: not readable as audio: {reason}; {problem}")
    yield from _without_first(rest.blocks, frames)


def _all_of(blocks: Blocks, frames: int, rate: int, cut_off: Callable[[float], None]) -> Blocks:
    """Yields the blocks, and calls `cut_off` if they have fewer frames than the header claims."""
    for block in blocks:
        frames -= len(block)
        yield block
    if frames > 0:
        cut_off(frames / rate)


def _by_media(path: str, reason: str) -> Recording:
    try:
        rate, channels, blocks = open_media(path)
    except UnreadableMedia as error:
        raise UserError(f"{path}: not readable as audio: {reason}; {error}") from error

    def named() -> Blocks:
        try:
            yield from blocks
        except UnreadableMedia as error:
            raise UserError(f"{path}: not readable as audio: {reason}; {error}") from error

    return Recording(rate, channels, named())


def _without_first(blocks: Blocks, frames: int) -> Blocks:
    for block in blocks:
        yield block[frames:]
        frames -= min(frames, len(block))
