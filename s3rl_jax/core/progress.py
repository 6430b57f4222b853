"""How far a long job is: a bar with rate and time left on a terminal, a plain line now and then in a log."""

import sys
import time

from tqdm import tqdm

SECONDS = 15.0  # between two lines of a log


class Progress:
    """Of `total` units; to be used in a `with` statement."""

    def __init__(self, total: int, unit: str, what: str):
        self._what, self._unit, self._total, self._done = what, unit, total, 0
        self._begun = self._said = time.monotonic()
        self._bar = tqdm(total=total, unit=f" {unit}", desc=what, disable=not sys.stderr.isatty())

    def advance(self, count: int) -> None:
        self._done += count
        self._bar.update(count)
        now = time.monotonic()
        if self._bar.disable and now - self._said > SECONDS:
            self._said, rate = now, self._done / (now - self._begun)
            left = (self._total - self._done) / max(rate, 1e-9)
            print(
                f"{self._what}: {self._done:.0f}/{self._total} {self._unit}, {rate:.3g} a second, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error) -> None:
        self._bar.close()
