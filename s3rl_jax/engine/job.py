"""A job: a task with its inputs and settings, as the engine runs it."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.tasks.task import Batch, Task

Rows = dict[str, np.ndarray]  # this host's rows of a step's inputs
Batches = Callable[[int, int], Iterator[Rows]]  # (first, last) -> the rows of those steps, in order
Expand = Callable[[Any, Any], Batch]


class Inputs(NamedTuple):
    """The batches of a run, and the arrays from which they are cut.

    Attributes:
      batches: (first, last) -> this host's rows of steps first to last - 1.
      resident: arrays that stay on every device during the whole run; rows may index them.
      expand: (resident, rows) -> batch; compiled into the step.
      validation: (first, last) -> batches of held-out data; they are not expanded. None: there is no such data.
    """

    batches: Batches
    resident: Any = ()
    expand: Expand = lambda resident, rows: rows
    validation: Batches | None = None


class Unit(NamedTuple):
    """A unit in which a run's rate is given, in addition to steps.

    Attributes:
      name: name in metrics.jsonl: `<name>_per_second`.
      label: name in the progress line.
      per_step: number of units in a step.
    """

    name: str
    label: str
    per_step: float


class Phases(NamedTuple):
    """Parts of a run whose batches depend on the parameters at their first step.

    Attributes:
      starts: first steps of the phases but the first, ascending, above 0.
      begin: (start, params) -> None, called in order before the batches of a phase are made; `params` is a function that
        returns the parameters, or None if the run has passed the start before, and resumes.
    """

    starts: tuple[int, ...]
    begin: Callable[[int, Callable[[], Any] | None], None]


AUDIO = Unit("audio_seconds", "audio s", 0.0)


@dataclasses.dataclass(frozen=True)
class Job:
    """A task, its inputs and its settings.

    Attributes:
      task: pure functions of the task.
      inputs: batches of the run.
      config: `seed`, `steps`, `log_every`, `checkpoint_every`, `optimizer`, and optionally `steps_per_dispatch`,
        `micro_batches`, `mesh`, `wandb`; with validation batches, `validation.every` and `validation.batches`.
      name: name of the run in the progress line.
      sweep: the sweep whose members are trained together; None: a single run.
      unit: unit of the rate.
      choice: parameters -> their score, by which the checkpoint is chosen every `choice.every` steps and at the last
        (`s3rl_jax.runs.choice`); None: the last step is taken.
      phases: phases of the run; None: there is one.
    """

    task: Task
    inputs: Inputs
    config: ConfigDict
    name: str
    sweep: Sweep | None = None
    unit: Unit = AUDIO
    choice: Callable[[Any], dict[str, float]] | None = None
    phases: Phases | None = None

    @property
    def members(self) -> int:
        """Number of members; 1 without a sweep."""
        return len(self.sweep) if self.sweep else 1
