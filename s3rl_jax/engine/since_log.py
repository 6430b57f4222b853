"""Metrics of the steps since the last logged one, and the time in which the devices waited for their inputs."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

from s3rl_jax.core.errors import NonFiniteLoss


class SinceLog:
    """Collects metrics on the devices. They are read back only when a step is logged or a checkpoint saved.

    Args:
      workdir: workdir of the run, for messages.
      members: members of a sweep; 1 without a sweep.
    """

    def __init__(self, workdir: Path, members: int):
        self._workdir, self._members = workdir, members
        self._metrics: list[dict[str, jax.Array]] = []  # arrays [steps], or [steps, members]
        self._waited = 0.0

    def add(self, metrics: dict[str, jax.Array], count: int) -> None:
        """Adds the metrics of a dispatch of `count` steps."""
        self._metrics.append(jax.tree.map(lambda values: values[:count], metrics))

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Measures the time of the block inside; it counts only if the devices have finished the last dispatch by its end."""
        begun = time.monotonic()
        yield
        if not self._metrics or all(value.is_ready() for value in jax.tree.leaves(self._metrics[-1])):
            self._waited += time.monotonic() - begun

    def waited(self) -> float:
        """Seconds that counted, an upper bound of the time in which the devices were idle."""
        return self._waited

    def means(self) -> dict[str, np.ndarray]:
        """Mean of each metric over the steps, which is less noisy than the metric of one batch."""
        return {name: np.asarray(np.concatenate(values).mean(axis=0)) for name, values in by_name(self._metrics).items()}

    def clear(self) -> None:
        """Forgets all metrics and times, after a logged step."""
        self._metrics.clear()
        self._waited = 0.0

    def check_finite(self, step: int) -> None:
        """Raises an error if a metric is not finite, before it is logged or saved; for a sweep, only if every member has one.

        Args:
          step: number of the last step that was added.

        Raises:
          NonFiniteLoss: names the first such step and its metrics.
        """
        steps = by_name(self._metrics)
        finite = {name: np.isfinite(np.concatenate(values).reshape(-1, self._members)) for name, values in steps.items()}
        all_finite = np.all(list(finite.values()), axis=0)  # [steps, members]
        if all_finite.all(axis=0).any():
            return
        first = int(np.argmin(all_finite.all(axis=1)))
        names = [name for name, each in finite.items() if not each[first].all()]
        raise not_finite(step - len(all_finite) + 1 + first, names, self._workdir)


def not_finite(step: int, terms: list[str], workdir: Path) -> NonFiniteLoss:
    """The error for metrics that are not finite: names the step, the metrics and the workdir."""
    return NonFiniteLoss(f"step {step}: {', '.join(terms)} not finite; stopped. Checkpoints in {workdir} are from before")


def by_name(metrics: list[dict[str, jax.Array]]) -> dict[str, list[np.ndarray]]:
    """Reads a list of metrics back from the devices in one transfer; returns the list of values of each name."""
    values = jax.device_get(metrics)
    return {name: [each[name] for each in values] for name in values[0]}
