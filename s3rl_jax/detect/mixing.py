"""Several channels to one."""

import numpy as np
from jaxtyping import Float32

BLOCK_SECONDS = 0.1
DECAY = 0.99  # of the statistics, a block: they look back about 10 s
SILENT = 0.01  # energy beside the loudest channel's (-20 dB) below which a channel is left out
INVERTED = -0.5  # correlation with the loudest channel below which a channel is taken with the opposite sign


class Mixer:
    """Takes one channel, or the mean of all that carry sound, in phase: an inverted channel does not cancel the others, and
    a silent one does not halve them.

    Which channels these are is decided block by block, so that the result does not depend on how the samples arrive.

    Args:
      rate: Hz.
      channel: to be taken, the first is 0; None mixes them.
    """

    def __init__(self, rate: int, channel: int | None = None):
        self._block, self._channel = round(BLOCK_SECONDS * rate), channel
        self._pending: Float32[np.ndarray, "frames channels"] | None = None
        self._products: Float32[np.ndarray, "channels channels"] | None = None

    def process(self, frames: Float32[np.ndarray, "frames channels"]) -> Float32[np.ndarray, "samples"]:
        """Mixes all whole blocks; the rest waits.

        Raises:
          ValueError: if there is no such channel, or their number changes.
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
        """Mixes what waits, at the end of a stream."""
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
