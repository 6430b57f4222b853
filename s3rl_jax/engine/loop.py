"""The training loop: restore, step, log, save."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from s3rl_jax.core.errors import Preempted
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.engine.compiled_run import CompiledRun
from s3rl_jax.engine.job import Job, Rows
from s3rl_jax.engine.mesh import to_devices
from s3rl_jax.engine.run_log import RunLog
from s3rl_jax.engine.since_log import SinceLog, by_name
from s3rl_jax.engine.stopping import Preemption, in_one_line
from s3rl_jax.engine.throughput import ceiling
from s3rl_jax.engine.trace import Trace, trace_of
from s3rl_jax.runs.checkpoint import Checkpoints
from s3rl_jax.runs.choice import CHOICE, write_choice
from s3rl_jax.runs.state import TrainState


def train(job: Job, workdir: Path, profile: bool = False) -> Any:
    """Trains up to step `config.steps`, from the newest checkpoint in `workdir` if there is one.

    The same seed on the same machine gives the same parameters bit for bit, however often the run is interrupted.

    Args:
      job: the job.
      workdir: folder of checkpoints, metrics.jsonl, choice.json and TensorBoard events.
      profile: whether to write a trace of some steps to WORKDIR/profile.

    Returns:
      The parameters after the last step, or their average if `config.optimizer.average` is set; of a sweep, with a first axis
      of members.

    Raises:
      NonFiniteLoss: if the loss or a metric is not finite; names the step and the terms.
      Preempted: on SIGTERM, after a checkpoint is saved.
      NotSaved: if a file of the workdir cannot be written, for example because the disk is full.
      LostProcess: if another process of the run died.
      UserError: if no checkpoint can be read, or the newest one is of another model.
    """
    ceiling()  # measured while the devices are empty
    with in_one_line(workdir):
        checkpoints = Checkpoints(workdir, scored=job.choice is not None)
        reached = checkpoints.latest() or 0
        run = CompiledRun(job, next(job.inputs.batches(reached, reached + 1)))
        state = run.create()
        state = checkpoints.restore(state) or state
    with checkpoints:
        if int(state.step) < job.config.steps:
            _ = run.compiled  # compiled before the clock of the log starts
            LOGGER.info(run.introduction(state.params))
            log, trace = RunLog(job, run.flops, workdir, int(state.step)), trace_of(workdir, profile)
            with in_one_line(workdir), log, trace as open_trace:
                state = _make_steps(run, state, checkpoints, log, open_trace)
        if jax.process_index() == 0:
            _write_choice(job, workdir, checkpoints)
    state = run.whole(state)
    if job.sweep:
        job.sweep.split(state, workdir)
    return jax.device_get(state.result)


def _make_steps(run: CompiledRun, state: TrainState, checkpoints: Checkpoints, log: RunLog, trace: Trace | None) -> TrainState:
    """Runs all remaining steps; returns the last state."""
    job, config = run.job, run.job.config
    step, since_log = int(state.step), SinceLog(log.workdir, job.members)
    begun = phase_end = step
    with Preemption() as preemption:
        while step < config.steps:
            if step == phase_end:
                phase_end = _begin_phases(run, state, step, step == begun)
                rows = job.inputs.batches(step, phase_end)
            count = min(_until_next_stop(step, job, run.most), phase_end - step)
            with since_log.waiting():
                inputs = to_devices(stacked(rows, count, run.most), run.mesh, axis=1)
            state, metrics = run.step(state, inputs, count)
            since_log.add(metrics, count)
            step += count
            last, preempted = step == config.steps, preemption.reached(step - count, step)
            chooses = job.choice is not None and (last or step % config.choice.every == 0)
            logs = last or chooses or step % config.log_every == 0
            saves = last or chooses or preempted or step % config.checkpoint_every == 0
            if logs or saves:
                since_log.check_finite(step)
            score = _score(run, state) if chooses else {}
            if logs:
                log.write(step, since_log.means() | _validate(run, state, step) | score, since_log.waited())
                since_log.clear()
            if saves:
                checkpoints.save(step, state, score)
            if preempted and not last:
                checkpoints.wait()
                raise Preempted(f"the checkpoint of step {step} is saved")
            if trace:
                trace.dispatched(state)
        checkpoints.wait()
    return state


def _begin_phases(run: CompiledRun, state: TrainState, step: int, resumes: bool) -> int:
    """Begins the phase at a step, and, in a run that resumes there, those before it; returns the step at which the next one
    begins."""
    job = run.job
    starts = job.phases.starts if job.phases else ()
    for start in starts:
        if start == step:
            job.phases.begin(start, lambda: jax.device_get(run.whole(state).result))
        elif start < step and resumes:
            job.phases.begin(start, None)
    return min((start for start in starts if start > step), default=job.config.steps)


def _validate(run: CompiledRun, state: TrainState, step: int) -> dict[str, np.ndarray]:
    """Mean metrics of the validation batches. They are computed at the first logged step at or after each multiple of
    `validation.every`, and at the last step; at other steps the result is empty."""
    batches, config = run.job.inputs.validation, run.job.config
    if not batches or not (step == config.steps or step % config.validation.every < config.log_every):
        return {}
    rows = enumerate(batches(0, config.validation.batches))
    metrics = [run.measure(state, batch, place) for place, batch in rows]
    return {f"validation/{name}": np.asarray(np.mean(values, axis=0)) for name, values in by_name(metrics).items()}


def _score(run: CompiledRun, state: TrainState) -> dict[str, float]:
    """The score of the parameters that the run would result in now; in all processes that of process 0."""
    score = run.job.choice(jax.device_get(run.whole(state).result))
    if jax.process_count() > 1:
        shared = multihost_utils.broadcast_one_to_all(np.array(list(score.values())))
        score = dict(zip(score, map(float, shared), strict=True))
    return score


def _write_choice(job: Job, workdir: Path, checkpoints: Checkpoints) -> None:
    """Writes choice.json for a finished run; removes that of an earlier run if this one does not choose."""
    chosen = checkpoints.best() if job.choice else None
    write_choice(workdir, chosen)
    if chosen:
        LOGGER.info(f"chosen: the checkpoint of step {chosen[0]} of {job.config.steps} ({workdir / CHOICE})")


def _until_next_stop(step: int, job: Job, most: int) -> int:
    """Number of steps for the next dispatch, so that logging, scoring and saving are due only after its last step."""
    config = job.config
    periods = [config.log_every, config.checkpoint_every, *([config.choice.every] if job.choice else [])]
    stops = (every - step % every for every in periods)
    return min(most, config.steps - step, *stops)


def stacked(rows: Iterator[Rows], count: int, most: int) -> Rows:
    """Stacks the rows of the next `count` steps along a new first axis.

    The last rows are repeated up to `most` steps, so that all dispatches have one shape and share a compilation.
    """
    taken = list(itertools.islice(rows, count))
    return {name: np.stack([*(step[name] for step in taken), *[taken[-1][name]] * (most - count)]) for name in taken[0]}
