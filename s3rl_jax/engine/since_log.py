"""The metrics of the steps since the last logged one, and how long the devices waited for their inputs meanwhile."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

from s3rl_jax.core.errors import NonFiniteLoss


class SinceLog:
    """Collects metrics on the devices; reads them back only when a line is logged or a checkpoint saved.

    Args:
      workdir: of the run, for messages.
      members: of a sweep; 1 without.
    """

    def __init__(self, workdir: Path, members: int):
        self._workdir, self._members = workdir, members
        self._metrics: list[dict[str, jax.Array]] = []  # each with a first axis of steps; of a sweep another of members
        self._waited = 0.0

    def add(self, metrics: dict[str, jax.Array], count: int) -> None:
        """Keeps the metrics of a dispatch of `count` steps."""
        self._metrics.append(jax.tree.map(lambda values: values[:count], metrics))

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time inside, but only if the devices had finished their previous dispatch by its end."""
        begun = time.monotonic()
        yield
        if not self._metrics or all(value.is_ready() for value in jax.tree.leaves(self._metrics[-1])):
            self._waited += time.monotonic() - begun

    def waited(self) -> float:
        """Seconds that were counted: the devices stood idle for no longer than that."""
        return self._waited

    def means(self) -> dict[str, np.ndarray]:
        """The mean of each metric over the steps, so that a small batch's noise does not mislead."""
        return {name: np.asarray(np.concatenate(values).mean(axis=0)) for name, values in by_name(self._metrics).items()}

    def clear(self) -> None:
        """Begins anew after a logged step."""
        self._metrics.clear()
        self._waited = 0.0

    def check_finite(self, step: int) -> None:
        """Stops a run before anything is logged or saved that is not finite; a sweep goes on while one member is well.

        Args:
          step: the last one that was added.

        Raises:
          NonFiniteLoss: naming the first step and its terms.
        """
        steps = by_name(self._metrics)
        finite = {name: np.isfinite(np.concatenate(values).reshape(-1, self._members)) for name, values in steps.items()}
        well = np.all(list(finite.values()), axis=0)  # steps, members
        if well.all(axis=0).any():
            return
        place = int(np.argmin(well.all(axis=1)))
        raise not_finite(
            step - len(well) + 1 + place, [name for name, each in finite.items() if not each[place].all()], self._workdir
        )


def not_finite(step: int, terms: list[str], workdir: Path) -> NonFiniteLoss:
    """The error that names a step, its terms and where the checkpoints from before it are."""
    return NonFiniteLoss(f"step {step}: {', '.join(terms)} not finite; stopped. Checkpoints in {workdir} are from before")


def by_name(metrics: list[dict[str, jax.Array]]) -> dict[str, list[np.ndarray]]:
    """A list of metrics as a list of values for each name, read back from the devices in one go."""
    values = jax.device_get(metrics)
    return {name: [each[name] for each in values] for name in values[0]}
