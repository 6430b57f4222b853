"""Converts samples to float32 in [-1, 1]: arrays by their type, bytes by their encoding."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Num

# Floats beyond full scale are legitimate; integers that were stored as floats, or garbage, are not.
HIGHEST = 8.0
RATES = (4000, 384_000)  # Hz, of recordings: the lowest and the highest


class Encoding(NamedTuple):
    """The type of interleaved little-endian samples.

    Attributes:
      kind: `u` unsigned (8 bits alone), `s` signed, `f` float.
      bits: bits of a sample.
    """

    kind: str
    bits: int

    @property
    def bytes(self) -> int:
        return self.bits // 8


ENCODINGS = {
    "u8": Encoding("u", 8),
    "s16le": Encoding("s", 16),
    "s24le": Encoding("s", 24),
    "s32le": Encoding("s", 32),
    "f32le": Encoding("f", 32),
    "f64le": Encoding("f", 64),
}


def decode(data: bytes, encoding: Encoding, channels: int) -> Float32[np.ndarray, "frames channels"]:
    """Decodes the whole frames in `data`; an incomplete last frame is dropped."""
    frame = encoding.bytes * channels
    data = data[: len(data) // frame * frame]
    if encoding.kind == "f":
        with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinity, which `check_range` refuses
            samples = np.frombuffer(data, f"<f{encoding.bytes}").astype(np.float32)
    elif encoding.kind == "u":
        samples = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    else:
        # The bytes of each sample become the highest bytes of an int32.
        words = np.zeros((len(data) // encoding.bytes, 4), np.uint8)
        words[:, 4 - encoding.bytes :] = np.frombuffer(data, np.uint8).reshape(-1, encoding.bytes)
        samples = words.view("<i4")[:, 0].astype(np.float32) / 2**31
    return samples.reshape(-1, channels)


def to_float(samples: Num[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Scales integers by the range of their type; floats keep their values.

    Raises:
      ValueError: for other types (the scale of int64, for example, is unknown), and for floats that `check_range` refuses.
    """
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype in (np.int16, np.int32):
        return samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"samples of type {samples.dtype}: expected floats in [-1, 1], or int16, int32 or uint8")
    with np.errstate(over="ignore"):
        samples = samples.astype(np.float32)
    check_range(samples)
    return samples


def check_range(samples: Float32[np.ndarray, "..."]) -> None:
    """Refuses samples that are not finite or far beyond full scale: they would spoil the model's state for seconds.

    Raises:
      ValueError: if there is such a sample; says what is expected.
    """
    if not samples.size:
        return
    peak = float(np.abs(samples).max())
    if not np.isfinite(peak):
        raise ValueError("samples that are NaN or infinite; expected finite ones")
    if peak > HIGHEST:
        raise ValueError(
            f"samples up to {peak:.3g}, far beyond full scale; expected floats in [-1, 1] (integers stored as floats?)"
        )
