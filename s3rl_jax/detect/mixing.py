"""Mixing of several channels to one."""

import numpy as np
from jaxtyping import Float32

BLOCK_SECONDS = 0.1
DECAY = 0.99  # factor of the statistics at each block: they cover the last 10 s or so
SILENT = 0.01  # a channel with less energy than this share of the loudest one's (-20 dB) is left out
INVERTED = -0.5  # a channel whose correlation with the loudest one is lower is mixed with the opposite sign


class Mixer:
    """Selects one channel, or averages all channels that carry sound.

    An inverted channel gets the opposite sign, so that it does not cancel the others; a silent one is left out, so that it
    does not halve them. This is decided for blocks of a fixed length, so that the result does not depend on how many samples
    each call brings.

    Args:
      rate: rate in Hz.
      channel: the channel to select; the first is 0. None: average.
    """

    def __init__(self, rate: int, channel: int | None = None):
        self._block, self._channel = round(BLOCK_SECONDS * rate), channel
        self._pending: Float32[np.ndarray, "frames channels"] | None = None
        self._products: Float32[np.ndarray, "channels channels"] | None = None

    def process(self, frames: Float32[np.ndarray, "frames channels"]) -> Float32[np.ndarray, "samples"]:
        """Mixes all whole blocks; the remainder waits for the next call.

        Raises:
          ValueError: if the channel does not exist, or the number of channels changes.
        """
        channels = frames.shape[1]
        if self._channel is not None and not 0 <= self._channel < channels:
            raise ValueError(f"no channel {self._channel}; there are {channels}, the first is 0")
        if channels == 1 or self._channel is not None:
            return frames[:, self._channel or 0]
        if self._pending is not None:
            if self._pending.shape[1] != channels:
                raise ValueError(f"{channels} channels after {self._pending.shape[1]}")
            frames = np.concatenate([self._pending, frames])
        whole = len(frames) // self._block * self._block
        self._pending = frames[whole:].copy()
        mixed = [self._mix(block) for block in frames[:whole].reshape(-1, self._block, channels)]
        return np.concatenate(mixed) if mixed else np.zeros(0, np.float32)

    def flush(self) -> Float32[np.ndarray, "samples"]:
        """Mixes the remainder, at the end of a stream."""
        pending, self._pending = self._pending, None
        return np.zeros(0, np.float32) if pending is None else self._mix(pending)

    def _mix(self, block: Float32[np.ndarray, "frames channels"]) -> Float32[np.ndarray, "frames"]:
        products = block.T @ block
        self._products = products if self._products is None else DECAY * self._products + products
        energy = self._products.diagonal()
        loudest = int(energy.argmax())
        active = energy >= SILENT * energy[loudest]
        inverted = self._products[loudest] < INVERTED * np.sqrt(energy * energy[loudest])
        weights = np.where(active, np.where(inverted, -1, 1), 0) / active.sum()
        return (block @ weights.astype(np.float32)).astype(np.float32)
