"""Windows for fine-tuning in which some negatives are replaced by stretches on which the detector scored highest."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.batches.order import uniforms
from s3rl_jax.batches.plan import Pieces, Plan, read_plan
from s3rl_jax.batches.windows import Windows

SHIFT_SECONDS = 0.5  # by which the end of a window may lie before the end of its stretch
SEED_OFFSET = 1_000_003  # so that the draws do not repeat those of the windows


class HardStretches(NamedTuple):
    """Stretches of recordings without the keyword.

    Attributes:
      recording: row of the recording.
      stop: one past the last sample of the stretch; a window that ends up to half a second before it scored high.
    """

    recording: Int[np.ndarray, "stretches"]
    stop: Int[np.ndarray, "stretches"]


class HardWindows:
    """A source of batches: `Windows`, and from the beginning of each round a share of the negatives from its stretches.

    `plan` and `batch` are pure functions of the step once the rounds up to that step are added.

    Args:
      windows: windows of the whole corpus.
      share: share of the negatives that are replaced.
    """

    def __init__(self, windows: Windows, share: float):
        self._windows, self._share = windows, share
        self._rounds: list[tuple[int, HardStretches]] = []
        self.samples = windows.samples

    def add(self, step: int, stretches: HardStretches) -> None:
        """Adds a round, which holds from a step on until the next one begins. Rounds are added in order."""
        self._rounds.append((step, stretches))

    def plan(self, step: int, rows: range) -> Plan:
        """Plans rows of a step's batch, as `Windows.plan`."""
        plan = self._windows.plan(step, rows)
        stretches = next((stretches for first, stretches in reversed(self._rounds) if first <= step), None)
        if stretches is None or not len(stretches.recording):
            return plan
        seed, batch_size = self._windows.seed + SEED_OFFSET, self._windows.batch_size
        chosen, place, shift = uniforms(seed, step, batch_size, rows, 3).T
        replaced = (plan["label"] == 0) & (chosen < self._share)
        number = (place * len(stretches.recording)).astype(np.int64)
        recording = stretches.recording[number]
        first = stretches.stop[number] - self.samples - (shift * SHIFT_SECONDS * SAMPLE_RATE).astype(np.int64)
        length = self._windows.clips.columns["samples"][recording]
        low, high = np.maximum(first, 0), np.clip(first + self.samples, 0, length)
        hard = (recording, low, low - first, np.maximum(high - low, 0))
        pieces = []
        for column, values in zip(plan["pieces"], hard, strict=True):
            alone = np.concatenate([values[:, None], np.zeros_like(column[:, 1:])], axis=1)
            pieces.append(np.where(replaced[:, None], alone, column))
        return plan | {"pieces": Pieces(*pieces)}

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """Reads rows of a step's batch from disk, as `Windows.batch`."""
        return read_plan(self._windows.clips, self.plan(step, rows), self.samples)
