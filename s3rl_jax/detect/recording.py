"""Reads recordings block by block, from files and from pipes."""

import contextlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from pathlib import Path

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.detect.formats import BLOCK_SECONDS, Blocks, Recording, open_other
from s3rl_jax.detect.riff import HEAD_BYTES, WaveError, is_wave, read_header, sample_bytes
from s3rl_jax.detect.samples import Encoding, check_range, decode

STANDARD_INPUT = "standard input"
MISSING_SECONDS = 0.1  # a recording that lacks no more than this is whole


@contextlib.contextmanager
def open_recording(path: str, whole: bool = False) -> Iterator[Recording]:
    """Opens a file. Memory does not grow with its length, because its blocks are read one by one.

    Args:
      path: the file.
      whole: whether a recording that is cut off is refused; otherwise a warning says how much is missing.

    Raises:
      UserError: if the file cannot be read or is not sound; names the file.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise UserError(f"{path}: not a file; expected a recording (a stream can be piped to -)")
    with contextlib.ExitStack() as stack:
        try:
            recording = _open_wave_or_other(stack.enter_context(open(path, "rb")), path, whole)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
        yield recording


def open_stream(
    stream: BufferedIOBase, encoding: Encoding, rate: int, channels: int, block_seconds: float, name: str = STANDARD_INPUT
) -> Recording:
    """Opens a pipe that brings raw samples or a WAV.

    Args:
      stream: the pipe.
      encoding: type of raw samples.
      rate: rate of raw samples in Hz.
      channels: channels of raw samples.
      block_seconds: length of a block.
      name: name of the pipe, for messages.

    Raises:
      UserError: for a WAV that cannot be read.
    """
    head = stream.read(HEAD_BYTES)
    if is_wave(head):
        try:
            return _wave(stream, name, block_seconds, whole=False)
        except WaveError as error:
            raise UserError(f"{name}: {error}") from error
    frame_bytes, frames = encoding.bytes * channels, max(round(block_seconds * rate), HEAD_BYTES)

    def pieces() -> Iterator[bytes]:
        data = head + stream.read(frames * frame_bytes - len(head))
        while data:
            yield data
            data = stream.read(frames * frame_bytes)

    return Recording(rate, channels, _checked((decode(data, encoding, channels) for data in pieces()), name))


def _open_wave_or_other(file: BufferedIOBase, path: str, whole: bool) -> Recording:
    reason = "not a WAV file"
    if is_wave(file.read(HEAD_BYTES)):
        try:
            return _wave(file, path, BLOCK_SECONDS, whole)
        except WaveError as error:
            reason = str(error)
    rate, channels, blocks = open_other(path, reason, _cut_off(path, whole))
    return Recording(rate, channels, _checked(blocks, path))


def _wave(stream: BufferedIOBase, name: str, block_seconds: float, whole: bool) -> Recording:
    """Opens a WAV whose first `HEAD_BYTES` have been read."""
    wave_format, length = read_header(stream)
    encoding, channels, rate = wave_format
    frames = round(block_seconds * rate)
    pieces = sample_bytes(stream, wave_format, length, frames, _warner(name), _cut_off(name, whole))
    return Recording(rate, channels, _checked((decode(data, encoding, channels) for data in pieces), name))


def _checked(blocks: Blocks, name: str) -> Blocks:
    """Yields the blocks; raises UserError if there are none, or samples that are not finite or far beyond full scale."""
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


def _cut_off(name: str, whole: bool) -> Callable[[float], None]:
    """Creates the function that is called with the number of seconds that a recording lacks at its end."""

    def report(seconds: float) -> None:
        message = f"{name}: cut off: the last {seconds:.2f} s are missing"
        if whole and seconds > MISSING_SECONDS:
            raise UserError(message)
        LOGGER.warning(message)

    return report


def _warner(name: str) -> Callable[[str], None]:
    return lambda message: LOGGER.warning(f"{name}: {message}")
