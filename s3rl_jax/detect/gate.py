"""Gate: skips the model while it is silent."""

import math

import numpy as np
from jaxtyping import Float

LOWEST_DB, HIGHEST_DB = -120.0, 0.0


class Gate:
    """Chooses the hops of a stream that the model must see, by their level in the time domain.

    After silence for `hold` hops the model sleeps: its state then holds nothing but silence, so further silence would not
    change it. At the first hop above the level the model is given the hop before it too, in which a word may begin softly.

    Args:
      level_db: root mean square of a hop, in dB below full scale, below which it is silent.
      hold: hops of silence before the model sleeps, at least the length of its window.

    Attributes:
      asleep: number of hops that the model was not given.
    """

    def __init__(self, level_db: float, hold: int):
        self._power, self._hold = 10 ** (level_db / 10), hold
        self.reset()

    def reset(self) -> None:
        """Returns to the beginning of a stream. The model is awake."""
        self._silent_hops, self.asleep = 0, 0
        self._skipped: Float[np.ndarray, "hop"] | None = None

    def step(self, samples: Float[np.ndarray, "hop"]) -> list[Float[np.ndarray, "hop"]]:
        """Takes the next hop, in [-1, 1]; returns the hops that the model must see now, in order, this one last."""
        self._silent_hops = self._silent_hops + 1 if float(np.mean(np.square(samples))) < self._power else 0
        if self._silent_hops > self._hold:
            self._skipped, self.asleep = samples, self.asleep + 1
            return []
        hops = [samples] if self._skipped is None else [self._skipped, samples]
        self.asleep -= len(hops) - 1
        self._skipped = None
        return hops


def hold_hops(window: int, hop: int) -> int:
    """Hops of silence that fill a window."""
    return math.ceil(window / hop)
