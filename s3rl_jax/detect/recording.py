"""Recordings, block by block: WAV by our own reader, other formats by soundfile, where it is installed."""

import contextlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.detect.riff import HEAD_BYTES, WaveError, is_wave, read_header, sample_bytes
from s3rl_jax.detect.samples import RATES, Encoding, check_range, decode

BLOCK_SECONDS = 1.0
STANDARD_INPUT = "standard input"

Blocks = Iterator[Float32[np.ndarray, "frames channels"]]


class Recording(NamedTuple):
    """Sound from a file or a stream.

    Attributes:
      rate: Hz.
      channels: of each block.
      blocks: frames in [-1, 1], in order. Raises UserError where the samples cannot be read on or are no sound.
    """

    rate: int
    channels: int
    blocks: Blocks


@contextlib.contextmanager
def open_recording(path: str) -> Iterator[Recording]:
    """Opens a file; memory does not grow with its length.

    Raises:
      UserError: naming the file, if it cannot be read or is no sound.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise UserError(f"{path}: not a file; expected a recording (a stream can be piped to -)")
    with contextlib.ExitStack() as stack:
        try:
            recording = _open_wave_or_other(stack.enter_context(open(path, "rb")), path)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
        yield recording


def open_stream(
    stream: BufferedIOBase, encoding: Encoding, rate: int, channels: int, block_seconds: float, name: str = STANDARD_INPUT
) -> Recording:
    """Samples from a pipe: raw, as the arguments say, or a WAV, as its header says."""
    head = stream.read(HEAD_BYTES)
    if is_wave(head):
        try:
            return _wave(stream, name, block_seconds)
        except WaveError as error:
            raise UserError(f"{name}: {error}") from error
    frame_bytes, frames = encoding.bytes * channels, max(round(block_seconds * rate), HEAD_BYTES)

    def pieces() -> Iterator[bytes]:
        data = head + stream.read(frames * frame_bytes - len(head))
        while data:
            yield data
            data = stream.read(frames * frame_bytes)

    return Recording(rate, channels, _checked((decode(data, encoding, channels) for data in pieces()), name))


def _open_wave_or_other(file: BufferedIOBase, path: str) -> Recording:
    if not is_wave(file.read(HEAD_BYTES)):
        return _by_soundfile(path, "not a WAV file")
    try:
        return _wave(file, path, BLOCK_SECONDS)
    except WaveError as error:
        return _by_soundfile(path, str(error))


def _wave(stream: BufferedIOBase, name: str, block_seconds: float) -> Recording:
    """A WAV of which the first `HEAD_BYTES` have been read."""
    wave_format, length = read_header(stream)
    encoding, channels, rate = wave_format
    pieces = sample_bytes(stream, wave_format, length, round(block_seconds * rate), _warner(name))
    return Recording(rate, channels, _checked((decode(data, encoding, channels) for data in pieces), name))


def _by_soundfile(path: str, reason: str) -> Recording:
    """Formats that are no WAV of ours; `reason` is why, for the message where soundfile is not installed."""
    try:
        import soundfile
    except ImportError:
        raise UserError(f"{path}: {reason}; for other formats, pip install soundfile") from None
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise UserError(f"{path}: not readable as audio: {reason}; {' '.join(str(error).split())}") from error
    if not RATES[0] <= file.samplerate <= RATES[1]:
        raise UserError(f"{path}: {file.samplerate} Hz; expected {RATES[0]} to {RATES[1]}")

    def blocks() -> Blocks:
        try:
            with file:
                # Not file.blocks: it trusts the length in the header, of which a FLAC may claim 2^38 samples.
                while len(block := file.read(round(BLOCK_SECONDS * file.samplerate), dtype="float32", always_2d=True)):
                    yield block
        except (soundfile.SoundFileError, OSError, MemoryError) as error:
            raise UserError(f"{path}: not readable as audio: {' '.join(str(error).split())}") from error

    return Recording(file.samplerate, file.channels, _checked(blocks(), path))


def _checked(blocks: Blocks, name: str) -> Blocks:
    """The blocks, if there are any, all of them finite and within the range of sound."""
    empty = True
    try:
        for block in blocks:
            check_range(block)
            empty = empty and not len(block)
            yield block
    except (ValueError, OSError) as error:
        raise UserError(f"{name}: {error}") from error
    if empty:
        raise UserError(f"{name}: no samples; expected audio")


def _warner(name: str) -> Callable[[str], None]:
    return lambda message: LOGGER.warning(f"{name}: {message}")
