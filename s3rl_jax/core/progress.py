"""Progress of a long job: a bar with rate and time left on a terminal, a line every few seconds in a log."""

import sys
import time
from collections.abc import Callable

from tqdm import tqdm

from s3rl_jax.core.messages import LOGGER

SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """Counts units of work; used in a `with` statement.

    Args:
      total: number of units in the job.
      unit: name of a unit, in the plural.
      title: name of the job.
      clock: returns the time in seconds.
    """

    def __init__(self, total: int, unit: str, title: str, clock: Callable[[], float] = time.monotonic):
        self._title, self._unit, self._total, self._clock = title, unit, total, clock
        self._done = 0.0
        self._start = self._last_line = clock()
        self._bar = tqdm(total=total, unit=f" {unit}", desc=title, disable=not sys.stderr.isatty())

    def advance(self, count: int | float) -> None:
        """Adds units that are done."""
        self._done += count
        self._bar.update(count)
        now = self._clock()
        if self._bar.disable and now - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = now
            rate = self._done / (now - self._start)
            left = (self._total - self._done) / max(rate, 1e-9)
            LOGGER.info(f"{self._title}: {self._done:.0f}/{self._total} {self._unit}, {rate:.3g} a second, {left:.0f} s left")

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error) -> None:
        self._bar.close()
