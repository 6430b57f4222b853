"""A sweep: K runs of one task in one process. Their parameters are stacked; they share the targets, a pass of the teacher."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt32

from s3rl_jax.core.messages import LOGGER
from s3rl_jax.engine.records import Record, non_finite
from s3rl_jax.engine.sweep_members import Member
from s3rl_jax.runs.checkpoint import Checkpoints
from s3rl_jax.runs.state import TrainState
from s3rl_jax.runs.workdir import MEMBERS, claim


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The members of a sweep.

    Attributes:
      members: names and configurations.
      weights: for each member, a function from a step to its loss weights.
      starts: for each member, initial parameters by top-level name, which replace the random ones; or None.
      meaningless: for each member, names of metrics that are not logged, because it lacks their objective.
    """

    members: tuple[Member, ...]
    weights: tuple[Callable[[Array], dict[str, Array]], ...]
    starts: tuple[dict[str, Any] | None, ...] = ()
    meaningless: tuple[frozenset[str], ...] = ()

    def __len__(self) -> int:
        return len(self.members)

    @property
    def seeds(self) -> UInt32[np.ndarray, "members"]:
        """`config.seed` of each member."""
        return np.array([member.config.seed for member in self.members], np.uint32)

    def weights_of_all(self, step: Array) -> dict[str, Array]:
        """Loss weights at a step, with a first axis of members."""
        return jax.tree.map(lambda *each: jnp.stack(each), *[weights(step) for weights in self.weights])

    def begin(self, params: Any) -> Any:
        """Replaces random parameters, with a first axis of members, by the initial parameters of each member."""
        for place, start in enumerate(self.starts):
            for name, value in (start or {}).items():
                replaced = jax.tree.map(lambda every, one, k=place: every.at[k].set(one), params[name], value)
                params = params | {name: replaced}
        return params

    def folders(self, workdir: Path) -> list[Path]:
        """Workdirs of the members."""
        return [workdir / MEMBERS / member.name for member in self.members]

    def claim(self, workdir: Path, allow_changed_config: bool) -> None:
        """Begins or continues the workdir of each member, as for a single run."""
        for folder, member in zip(self.folders(workdir), self.members, strict=True):
            claim(folder, member.config, allow_changed_config, jax.process_index())

    def split(self, state: TrainState, workdir: Path) -> None:
        """Writes the final state of each member as a checkpoint in its workdir, unless it has one.

        Args:
          state: state of all members, whole on every device.
          workdir: workdir of the sweep.
        """
        step = int(state.step)
        for place, folder in enumerate(self.folders(workdir)):
            with Checkpoints(folder) as checkpoints:
                if checkpoints.latest() != step:
                    one_member = jax.tree.map(lambda leaf, k=place: leaf[k], (state.params, state.opt_state, state.average))
                    checkpoints.save(step, TrainState(state.step, *one_member))


class MemberRecords:
    """The metrics.jsonl and TensorBoard events of each member."""

    def __init__(self, sweep: Sweep, workdir: Path, first: int):
        self._names = [member.name for member in sweep.members]
        self._meaningless = sweep.meaningless or (frozenset(),) * len(sweep)
        self._records = [Record(folder, first) for folder in sweep.folders(workdir)]
        self._diverged: set[str] = set()

    def log(self, step: int, values: dict[str, np.ndarray]) -> dict[str, float]:
        """Logs each member's metrics, and warns when a member diverges.

        Args:
          step: number of the step.
          values: metrics with an axis of members.

        Returns:
          Mean metrics over the members that have not diverged; over all members if all have diverged.
        """
        every = [{name: float(each[k]) for name, each in values.items()} for k in range(len(self._names))]
        finite = []
        for name, record, meaningless, metrics in zip(self._names, self._records, self._meaningless, every, strict=True):
            bad = non_finite(metrics)
            record.write(step, {n: v for n, v in metrics.items() if n not in bad and n not in meaningless})
            if not bad:
                finite.append(metrics)
            elif name not in self._diverged:
                self._diverged.add(name)
                LOGGER.warning(f"step {step}: {name}: {', '.join(bad)} not finite; the others go on")
        return {name: float(np.mean([metrics[name] for metrics in finite or every])) for name in values}

    def close(self) -> None:
        """Closes all records."""
        for record in self._records:
            record.close()
