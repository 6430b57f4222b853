"""The training loop: restore, step, log, save."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from s3rl_jax.core.errors import NonFiniteLoss, Preempted
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.engine.mesh import to_devices
from s3rl_jax.engine.program import Program, build, introduction
from s3rl_jax.engine.run_log import RunLog, Trace, non_finite
from s3rl_jax.engine.step import Expand
from s3rl_jax.engine.stopping import Preemption, in_one_line
from s3rl_jax.engine.sweep import MemberRecords, Sweep
from s3rl_jax.engine.throughput import Cost, ceiling
from s3rl_jax.runs.checkpoint import Checkpoints
from s3rl_jax.runs.state import TrainState
from s3rl_jax.tasks.task import Task

Inputs = dict[str, np.ndarray]
Batches = Callable[[int, int], Iterator[Inputs]]


def train(
    task: Task,
    batches: Batches,
    config,
    workdir: Path,
    name: str,
    held_out: Batches | None = None,
    held: Any = (),
    expand: Expand = lambda held, inputs: inputs,
    sweep: Sweep | None = None,
    audio_seconds: float = 0.0,
    profile: bool = False,
) -> Any:
    """Runs a task to `config.steps`, from the newest checkpoint of `workdir` if there is one.

    The same seed on the same machine gives the same parameters bit for bit, however often the run is interrupted.

    Args:
      task: what to train.
      batches: (first, last) -> this host's rows of the inputs of those steps, in order.
      config: `seed`, `steps`, `log_every`, `checkpoint_every`, `optimizer`, and optionally `steps_per_dispatch`,
        `micro_batches`, `mesh`, `wandb`; with `held_out`, `validation.every` and `validation.batches`.
      workdir: gets checkpoints, metrics.jsonl and TensorBoard events.
      name: of the run in the progress line.
      held_out: batches, as `expand` makes them, of data that is not trained on; measured every so many steps, as
        validation/...
      held: arrays that every device holds, of which inputs say what to take.
      expand: (held, inputs) -> batch, compiled into the step.
      sweep: trains all of its members; each also gets a folder as if it had been trained alone.
      audio_seconds: what a step hears, for the rate in the log.
      profile: writes a trace of some steps to WORKDIR/profile.

    Returns:
      The trained parameters; of a sweep, with a first axis of members.

    Raises:
      NonFiniteLoss: naming the step and the terms.
      Preempted: on SIGTERM, after a checkpoint.
      NotSaved: if the disk is full.
      LostProcess: if another process of the run died.
    """
    ceiling()  # measured while the devices are empty
    with in_one_line(workdir):
        checkpoints = Checkpoints(workdir)
        reached = checkpoints.latest() or 0
        program = build(task, config, next(batches(reached, reached + 1)), held, expand, sweep)
        state = program.create()
        state = checkpoints.restore(state) or state
    first = step = int(state.step)
    if step >= config.steps:
        with checkpoints:
            return _ended(program, state, sweep, workdir)
    program.compiled()  # before the clock of the log starts
    LOGGER.info(introduction(name, state.params, program, members=sweep is not None))
    trace = Trace(workdir) if profile else None
    log = RunLog(workdir, config, first, name, Cost(program.flops(), audio_seconds))
    records = MemberRecords(sweep, workdir, first) if sweep else None
    since_logged: list[dict] = []
    stream, waiting = batches(first, config.steps), Waiting()

    def measure(state):
        asked = enumerate(held_out(0, config.validation.batches))
        found = [program.measure(state, batch, place) for place, batch in asked]
        return {f"validation/{name}": np.mean(values, axis=0) for name, values in _together(found).items()}

    try:
        with checkpoints, in_one_line(workdir), Preemption() as preemption:
            while step < config.steps:
                count = _until_next_stop(step, config, program.most)
                with waiting(since_logged):
                    inputs = to_devices(stacked(stream, count, program.most), program.mesh, axis=1)
                state, metrics = program.step(state, inputs, count)
                since_logged.append(jax.tree.map(lambda values, count=count: values[:count], metrics))
                step += count
                last, asked_to_stop = step == config.steps, preemption.reached(step - count, step)
                logs = last or step % config.log_every == 0
                saves = last or asked_to_stop or step % config.checkpoint_every == 0
                if logs or saves:
                    _check_finite(since_logged, step, workdir, members=len(sweep) if sweep else 1)
                if logs:
                    values = _means(since_logged)
                    since_logged.clear()
                    # Held-out metrics stand in a logged line: the first one at or after each multiple of `every`.
                    due = held_out and (last or step % config.validation.every < config.log_every)
                    values |= measure(state) if due else {}
                    values = records.log(step, values) if records else {name: float(value) for name, value in values.items()}
                    log.log(step, values, waiting.seconds())
                    for warning in task.watch(values, step / config.steps):
                        log.warn(step, warning)
                    if bad := non_finite(values):  # of held-out batches
                        raise _not_finite(step, bad, workdir)
                if saves:
                    checkpoints.save(step, state)
                if asked_to_stop and not last:
                    checkpoints.wait()
                    raise Preempted(f"the checkpoint of step {step} is saved")
                if trace:
                    trace.dispatched(state)
            checkpoints.wait()
    finally:
        log.close()
        if trace:
            trace.close()
        if records:
            records.close()
    return _ended(program, state, sweep, workdir)


def _ended(program: Program, state: TrainState, sweep: Sweep | None, workdir: Path) -> Any:
    """The parameters of a run that has made its last step; each member of a sweep also gets a checkpoint of its own."""
    state = program.whole(state)
    if sweep:
        sweep.split(state, workdir)
    return jax.device_get(state.params)


class Waiting:
    """How long the devices had nothing to do because inputs were not there yet: at most so many seconds."""

    def __init__(self):
        self._total = 0.0

    @contextlib.contextmanager
    def __call__(self, running: list[dict]):
        """Around making inputs: it is a wait only if what runs meanwhile, the newest of `running`, ends."""
        begun = time.monotonic()
        yield
        if not running or all(value.is_ready() for value in jax.tree.leaves(running[-1])):
            self._total += time.monotonic() - begun

    def seconds(self) -> float:
        """Since it was last asked."""
        total, self._total = self._total, 0.0
        return total


def _until_next_stop(step: int, config, most: int) -> int:
    """How many steps to make at once: none of them but the last is one after which something is logged or saved."""
    stops = (every - step % every for every in (config.log_every, config.checkpoint_every))
    return min(most, config.steps - step, *stops)


def stacked(stream: Iterator[Inputs], count: int, most: int) -> Inputs:
    """The next `count` inputs in a new first axis of `most`: one shape, one compilation."""
    taken = list(itertools.islice(stream, count))
    return {name: np.stack([*(step[name] for step in taken), *[taken[-1][name]] * (most - count)]) for name in taken[0]}


def _check_finite(metrics: list[dict], step: int, workdir: Path, members: int) -> None:
    """Before anything is logged or saved: a checkpoint never holds what is not finite.

    Args:
      metrics: of the steps up to and with `step`; a first axis of steps, of a sweep another of members.
      members: of a sweep, which goes on while one of them is well.

    Raises:
      NonFiniteLoss: naming the first step and its terms.
    """
    finite = {name: np.isfinite(np.concatenate(values).reshape(-1, members)) for name, values in _together(metrics).items()}
    well = np.all(list(finite.values()), axis=0)  # steps, members
    if well.all(axis=0).any():
        return
    place = int(np.argmin(well.all(axis=1)))
    terms = [name for name, each in finite.items() if not each[place].all()]
    raise _not_finite(step - len(well) + 1 + place, terms, workdir)


def _not_finite(step: int, terms: list[str], workdir: Path) -> NonFiniteLoss:
    return NonFiniteLoss(f"step {step}: {', '.join(terms)} not finite; stopped. Checkpoints in {workdir} are from before")


def _means(metrics: list[dict]) -> dict[str, np.ndarray]:
    """What is logged: the mean over the steps since the last line, so that a small batch's noise does not mislead.

    Args:
      metrics: a first axis of steps in each.
    """
    return {name: np.concatenate(values).mean(axis=0) for name, values in _together(metrics).items()}


def _together(metrics: list[dict]) -> dict[str, list]:
    metrics = jax.device_get(metrics)
    return {name: [each[name] for each in metrics] for name in metrics[0]}
