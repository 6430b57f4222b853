"""K runs of one task at once: their parameters side by side, the targets (a pass of the teacher) shared."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from s3rl_jax.core.messages import LOGGER
from s3rl_jax.engine.run_log import Record, non_finite
from s3rl_jax.engine.sweep_members import Member
from s3rl_jax.runs.checkpoint import Checkpoints
from s3rl_jax.runs.state import TrainState
from s3rl_jax.runs.workdir import MEMBERS, claim


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What members differ in.

    Attributes:
      members: names and configurations.
      weights: step -> the loss weights of each member.
      starts: for each member what its parameters begin with instead of random values, by top-level name; or None.
      silent: for each member the metrics that say nothing of it, as they belong to what only others do.
    """

    members: tuple[Member, ...]
    weights: tuple[Callable[[Array], dict[str, Array]], ...]
    starts: tuple[dict[str, Any] | None, ...] = ()
    silent: tuple[frozenset[str], ...] = ()

    def __len__(self) -> int:
        return len(self.members)

    @property
    def seeds(self) -> np.ndarray:
        return np.array([member.config.seed for member in self.members], np.uint32)

    def weights_of_all(self, step: Array) -> dict[str, Array]:
        """With a first axis of members."""
        return jax.tree.map(lambda *each: jnp.stack(each), *[weights(step) for weights in self.weights])

    def begin(self, params: Any) -> Any:
        """Fresh parameters of all members, with what each begins with put in."""
        for place, start in enumerate(self.starts):
            for name, value in (start or {}).items():
                there = jax.tree.map(lambda all_of, own, k=place: all_of.at[k].set(own), params[name], value)
                params = params | {name: there}
        return params

    def folders(self, workdir: Path) -> list[Path]:
        return [workdir / MEMBERS / member.name for member in self.members]

    def claim(self, workdir: Path, allow_changed_config: bool) -> None:
        """A folder for each member, as if it were a run of its own."""
        for folder, member in zip(self.folders(workdir), self.members, strict=True):
            claim(folder, member.config, allow_changed_config, jax.process_index())

    def split(self, state: TrainState, workdir: Path) -> None:
        """Writes each member's final state, whole on each device, as a checkpoint of its own; those that are there stay."""
        step = int(state.step)
        for place, folder in enumerate(self.folders(workdir)):
            with Checkpoints(folder) as checkpoints:
                if checkpoints.latest() != step:
                    params, optimizer = jax.tree.map(lambda leaf, k=place: leaf[k], (state.params, state.opt_state))
                    checkpoints.save(step, TrainState(state.step, params, optimizer))


class MemberRecords:
    """metrics.jsonl and TensorBoard events of each member."""

    def __init__(self, sweep: Sweep, workdir: Path, first: int):
        self._names = [member.name for member in sweep.members]
        self._silent = sweep.silent or (frozenset(),) * len(sweep)
        self._records = [Record(folder, first) for folder in sweep.folders(workdir)]
        self._lost: set[str] = set()

    def log(self, step: int, values: dict[str, np.ndarray]) -> dict[str, float]:
        """Logs each member's own values, warns of members that are lost.

        Returns:
          The mean over the members that are not; of all if all of them are.
        """
        every = [{name: float(each[k]) for name, each in values.items()} for k in range(len(self._names))]
        well = []
        for name, record, silent, own in zip(self._names, self._records, self._silent, every, strict=True):
            bad = non_finite(own)
            record.write(step, {n: v for n, v in own.items() if n not in bad and n not in silent})
            if not bad:
                well.append(own)
            elif name not in self._lost:
                self._lost.add(name)
                LOGGER.warning(f"step {step}: {name}: {', '.join(bad)} not finite; the others go on")
        return {name: float(np.mean([own[name] for own in well or every])) for name in values}

    def close(self) -> None:
        for record in self._records:
            record.close()
