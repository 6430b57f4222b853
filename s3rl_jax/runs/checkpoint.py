"""Checkpoints, written asynchronously by Orbax. The newest two are kept, and the best; each has a checksum."""

from pathlib import Path

import jax
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, BestN, LatestN

from s3rl_jax.core.errors import LostProcess, NotSaved, UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.runs.choice import Score, merit
from s3rl_jax.runs.restore import read_state, stored, stored_shapes
from s3rl_jax.runs.state import TrainState
from s3rl_jax.runs.workdir import CHECKPOINTS

UNREADABLE = "checkpoints-unreadable"  # folder in the workdir for checkpoints that cannot be read


class Checkpoints:
    """The checkpoints of one workdir. Leaving the `with` statement waits until the last one is written.

    Args:
      workdir: the workdir.
      scored: whether checkpoints are saved with scores, so that the best one is kept.
    """

    def __init__(self, workdir: Path, scored: bool = False):
        self._folder = (workdir / CHECKPOINTS).absolute()
        best = [BestN(get_metric_fn=merit, n=1, keep_checkpoints_without_metrics=False)] if scored else []
        options = ocp.CheckpointManagerOptions(
            preservation_policy=AnyPreservationPolicy([LatestN(2), *best]),
            best_fn=merit if scored else None,
            enable_async_checkpointing=True,
        )
        self._scored = scored
        self._manager = ocp.CheckpointManager(self._folder, options=options, item_handlers=ocp.StandardCheckpointHandler())

    def latest(self) -> int | None:
        """Step of the newest checkpoint; None if there is none."""
        return self._manager.latest_step()

    def best(self) -> tuple[int, Score] | None:
        """Step and score of the best checkpoint, of equal ones the newest; None if none has a score."""
        scores = {step: score for step in self._manager.all_steps() if (score := self._manager.metrics(step))}
        return max(scores.items(), key=lambda entry: (merit(entry[1]), entry[0]), default=None)

    def save(self, step: int, state: TrainState, score: Score | None = None) -> None:
        """Waits until the last checkpoint is written, then starts writing this one. A failure is raised here or by `wait`.

        Args:
          step: number of the step.
          state: the state after it.
          score: the score by which the best checkpoint is chosen; empty or None: it has none.
        """
        if step not in self._manager.all_steps():
            metrics = dict(score or {}) if self._scored else None  # Orbax warns of None where a best one is kept
            self._manager.save(step, args=ocp.args.StandardSave(stored(state)), metrics=metrics)

    def restore(self, state: TrainState) -> TrainState | None:
        """Reads the newest checkpoint that can be read, in the shapes and shardings of `state`; None if there is none.

        A checkpoint that cannot be read is moved to WORKDIR/checkpoints-unreadable, with a warning.

        Raises:
          UserError: if there are checkpoints but none can be read, or the newest one is of another model.
        """
        target = jax.tree.map(ocp.utils.to_shape_dtype_struct, stored(state))
        shapes = sorted((tuple(leaf.shape), str(leaf.dtype)) for leaf in jax.tree.leaves(target))
        steps = self._manager.all_steps()
        while (step := self.latest()) is not None:
            if stored_shapes(self._manager, step) not in (None, shapes):
                raise UserError(
                    f"--workdir={self._folder.parent}: the checkpoint of step {step} is of another model or another "
                    "config.optimizer.average; name another"
                )
            restored, reason = read_state(self._manager, step, target)
            if not reason:
                return restored
            self._move_aside(step)
            earlier = self.latest()
            consequence = f"going on from that of step {earlier}" if earlier is not None else "there is no other"
            LOGGER.warning(f"the checkpoint of step {step} cannot be read ({reason}); {consequence}")
        if steps:
            raise UserError(
                f"--workdir={self._folder.parent}: no checkpoint can be read; they are in {UNREADABLE}/. Name another "
                "workdir, or give the same command again to begin anew"
            )
        return None

    def wait(self) -> None:
        """Blocks until all checkpoints are on disk."""
        self._manager.wait_until_finished()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error) -> None:
        # After NotSaved, closing would retry the failed write; after LostProcess, it would wait for a dead process.
        if kind not in (NotSaved, LostProcess):
            self._manager.close()

    def _move_aside(self, step: int) -> None:
        if jax.process_index() == 0:
            aside = self._folder.parent / UNREADABLE
            aside.mkdir(exist_ok=True)
            count = sum(1 for other in aside.iterdir() if other.name.split("-")[0] == str(step))
            (self._folder / str(step)).rename(aside / (f"{step}-{count}" if count else str(step)))
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices("a checkpoint is moved aside")
        self._manager.reload()
