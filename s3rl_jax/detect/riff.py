"""Reads WAV from a stream that need not be seekable: RIFF, RF64 and BW64, plain and EXTENSIBLE, also with wrong lengths.

The standard library's `wave` reads neither floats nor EXTENSIBLE nor RF64, and trusts the lengths that a file claims.
"""

import struct
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from typing import NamedTuple

from s3rl_jax.detect.samples import ENCODINGS, RATES, Encoding

MAGIC = (b"RIFF", b"RF64", b"BW64")
HEAD_BYTES = 12
INTEGER, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
UNKNOWN_LENGTH = 0xFFFFFFFF
STREAMED_LENGTH = 0x7FFF0000  # programs that write a WAV to a pipe claim about 2 or 4 GiB
LONGEST_FORMAT = 1 << 16  # bytes
PIECE = 1 << 16  # bytes read at a time where they are skipped
HIGHEST_CHANNELS = 64
# Chunks that may follow an empty data chunk. Other bytes there are audio: a recorder that was killed wrote no length.
KNOWN_CHUNKS = {b"LIST", b"fact", b"bext", b"cue ", b"smpl", b"id3 ", b"ID3 ", b"iXML", b"PEAK", b"JUNK", b"PAD ", b"data"}


class WaveError(Exception):
    """A WAV that cannot be read; the message says why."""


class WaveFormat(NamedTuple):
    """The format chunk: type of the samples, number of channels, rate in Hz."""

    encoding: Encoding
    channels: int
    rate: int


def is_wave(head: bytes) -> bool:
    """Whether a file is a WAV, by its first `HEAD_BYTES` bytes."""
    return head[:4] in MAGIC and head[8:12] == b"WAVE"


def read_header(stream: BufferedIOBase) -> tuple[WaveFormat, int | None]:
    """Reads from behind the first `HEAD_BYTES` up to the first sample.

    Returns:
      The format, and the number of bytes of samples that the file claims to have; None if it claims none.

    Raises:
      WaveError: if there is no format or no data, or the format is not supported.
    """
    wave_format, long_length = None, None
    while True:
        name, length = _chunk(stream)
        if name == b"data":
            if wave_format is None:
                raise WaveError("no format before the samples")
            return wave_format, long_length if length == UNKNOWN_LENGTH else length
        if name == b"ds64" and length >= 16:
            long_length = struct.unpack("<QQ", _exactly(stream, 16))[1]
            _skip(stream, length + length % 2 - 16)
        elif name == b"fmt ":
            wave_format = _parse_format(_exactly(stream, min(length, LONGEST_FORMAT)))
            _skip(stream, length % 2)
        else:
            _skip(stream, length + length % 2)


def sample_bytes(
    stream: BufferedIOBase,
    wave_format: WaveFormat,
    length: int | None,
    frames: int,
    warn: Callable[[str], None],
    cut_off: Callable[[float], None],
) -> Iterator[bytes]:
    """Yields the samples of all data chunks, in pieces of whole frames.

    Args:
      stream: stands at the first sample, after `read_header`.
      wave_format: format of the samples.
      length: bytes of the first data chunk, as `read_header` returns them.
      frames: frames in a piece.
      warn: is called with a message where the file differs from its header.
      cut_off: is called with the number of seconds that are missing, if the file ends before the length in its header.
    """
    piece = max(frames, 8) * wave_format.encoding.bytes * wave_format.channels
    per_second = wave_format.rate * wave_format.encoding.bytes * wave_format.channels
    first = b""
    if length == 0:
        first = stream.read(8)
        if len(first) == 8 and first[:4] not in KNOWN_CHUNKS:
            warn("its length is given as 0, as by a recorder that was stopped; read to the end of the file")
            length = None
    while True:
        remaining = length
        while remaining is None or remaining:
            size = piece if remaining is None else min(piece, remaining)
            data = first + stream.read(size - len(first))
            first = b""
            if data:
                yield data
            remaining = None if remaining is None else remaining - len(data)
            if len(data) < size:
                if remaining and (length or 0) < STREAMED_LENGTH:
                    cut_off(remaining / per_second)
                return
        if not first:
            stream.read((length or 0) % 2)
        length, first = _next_data(stream, first or stream.read(8), warn), b""
        if length is None:
            return


def _next_data(stream: BufferedIOBase, head: bytes, warn: Callable[[str], None]) -> int | None:
    """Skips chunks up to the next data chunk.

    Args:
      stream: stands behind `head`.
      head: the first 8 bytes of a chunk: its name and length.
      warn: is called with a message for bytes that are no chunk.

    Returns:
      Bytes of the data chunk; None at the end of the file.
    """
    while len(head) == 8:
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name == b"data":
            return length
        if not all(32 <= letter < 127 for letter in name):
            warn("what follows the samples is no chunk of a WAV; it is left out")
            return None
        _skip(stream, length + length % 2, strict=False)
        head = stream.read(8)
    return None


def _chunk(stream: BufferedIOBase) -> tuple[bytes, int]:
    name, length = struct.unpack("<4sI", _exactly(stream, 8))
    return name, length


def _exactly(stream: BufferedIOBase, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise WaveError("it ends before its first sample")
    return data


def _skip(stream: BufferedIOBase, length: int, strict: bool = True) -> None:
    while length:
        skipped = len(stream.read(min(length, PIECE)))
        if not skipped:
            if strict:
                raise WaveError("it ends before its first sample")
            return
        length -= skipped


def _parse_format(data: bytes) -> WaveFormat:
    if len(data) < 16:
        raise WaveError("its format is incomplete")
    code, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", data[:16])
    if code == EXTENSIBLE and len(data) >= 40 and data[26:40] == SUBFORMAT_TAIL:
        code = int.from_bytes(data[24:26], "little")
    if code not in (INTEGER, FLOAT):
        raise WaveError(f"a WAV of codec {code:#06x}")
    if not 1 <= channels <= HIGHEST_CHANNELS:
        raise WaveError(f"{channels} channels")
    if not RATES[0] <= rate <= RATES[1]:
        raise WaveError(f"{rate} Hz; expected {RATES[0]} to {RATES[1]}")
    if frame_bytes % channels == 0 and frame_bytes // channels * 8 >= bits:
        bits = frame_bytes // channels * 8  # 12 or 20 bits stand at the top of whole bytes
    kind = "f" if code == FLOAT else "u" if bits == 8 else "s"
    encoding = Encoding(kind, bits)
    if encoding not in ENCODINGS.values():
        raise WaveError(f"{bits} bits a sample, {'float' if kind == 'f' else 'integer'}")
    return WaveFormat(encoding, channels, rate)
