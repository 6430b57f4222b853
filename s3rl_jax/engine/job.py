"""A job: all that the engine needs to know of a run."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.tasks.task import Batch, Task

Rows = dict[str, np.ndarray]  # this host's rows of what a step takes in
Batches = Callable[[int, int], Iterator[Rows]]  # (first, last) -> the rows of those steps, in order
Expand = Callable[[Any, Any], Batch]


class Inputs(NamedTuple):
    """The batches of a run, and the arrays that they are expanded from.

    Attributes:
      batches: (first, last) -> this host's rows of steps first to last - 1.
      resident: arrays that stand on every device during the whole run; rows may say what to take of them.
      expand: (resident, rows) -> batch; compiled into the step.
      validation: batches, as `expand` makes them, of data that is not trained on; None: there is none.
    """

    batches: Batches
    resident: Any = ()
    expand: Expand = lambda resident, rows: rows
    validation: Batches | None = None


class Unit(NamedTuple):
    """The unit in which a run's rate is counted beside steps.

    Attributes:
      name: of the rate in metrics.jsonl, `<name>_per_second`.
      label: in the progress line.
      per_step: how many of them a step takes.
    """

    name: str
    label: str
    per_step: float


AUDIO = Unit("audio_seconds", "audio s", 0.0)


@dataclasses.dataclass(frozen=True)
class Job:
    """A task, its inputs and its settings.

    Attributes:
      task: pure functions.
      inputs: where batches come from.
      config: `seed`, `steps`, `log_every`, `checkpoint_every`, `optimizer`, and optionally `steps_per_dispatch`,
        `micro_batches`, `mesh`, `wandb`; with validation batches, `validation.every` and `validation.batches`.
      name: of the run in the progress line.
      sweep: trains all of its members; None: one run.
      unit: what the rate is counted in.
    """

    task: Task
    inputs: Inputs
    config: ConfigDict
    name: str
    sweep: Sweep | None = None
    unit: Unit = AUDIO

    @property
    def members(self) -> int:
        """The number of runs: 1 without a sweep."""
        return len(self.sweep) if self.sweep else 1
