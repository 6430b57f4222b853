"""`--dry_run`: measures the cost of a run on a few of its steps."""

import itertools
import json
import time
from typing import Any

import jax

from s3rl_jax.core.messages import LOGGER
from s3rl_jax.engine.compiled_run import CompiledRun
from s3rl_jax.engine.job import Job
from s3rl_jax.engine.loop import stacked
from s3rl_jax.engine.mesh import to_devices
from s3rl_jax.engine.run_log import duration
from s3rl_jax.engine.throughput import ceiling, peak_memory

WARM_UP, TIMED = 1, 5  # numbers of dispatches


def rehearse(job: Job) -> dict[str, Any]:
    """Compiles a job, runs some of its steps, and measures time and memory; writes no file.

    Returns:
      The figures, which are also printed on standard output as JSON: `parameters`; bytes on each device as XLA plans them
      (`argument_bytes`: state, teacher, corpus and batch; `temporary_bytes`: activations), and the highest in use,
      `peak_memory_bytes`; `flops_per_step`; measured `steps_per_second`, `audio_seconds_per_second`, `flops_utilisation`;
      `hours_to_finish` at that rate.
    """
    begun = time.monotonic()
    run = CompiledRun(job, next(job.inputs.batches(0, 1)))
    state, plan = run.create(), run.compiled.memory_analysis()
    compile_seconds = time.monotonic() - begun
    LOGGER.info(run.introduction(state.params))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    seconds = _dispatch_seconds(run, state)
    timed = seconds[WARM_UP:] or seconds
    rate = len(timed) * run.most / sum(timed)
    figures = {
        "task": job.name,
        "parameters": parameters,
        "compile_seconds": round(compile_seconds, 1),
        "argument_bytes": plan.argument_size_in_bytes if plan else None,
        "temporary_bytes": plan.temp_size_in_bytes if plan else None,
        "peak_memory_bytes": peak_memory(),
        "flops_per_step": run.flops,
        "steps_per_second": round(rate, 4),
        f"{job.unit.name}_per_second": round(rate * job.unit.per_step, 2),
        "flops_utilisation": round(rate * run.flops / ceiling(), 4),
        "hours_to_finish": round(job.config.steps / rate / 3600, 3),
    }
    if plan:
        arguments, temporary = (size / 2**30 for size in (plan.argument_size_in_bytes, plan.temp_size_in_bytes))
        LOGGER.info(f"  memory a device: {arguments:.2f} GiB of state, data and batch, {temporary:.2f} GiB of activations")
    LOGGER.info(
        f"  {rate:.2f} steps/s ({max(timed) * 1e3 / run.most:.0f} ms the slowest of {len(timed)}), "
        f"{rate * job.unit.per_step:.0f} {job.unit.label}/s, {figures['flops_utilisation']:.1%} of peak flops: "
        f"{job.config.steps} steps in {duration(job.config.steps / rate)}"
    )
    if jax.process_index() == 0:
        print(json.dumps(figures))
    return figures


def _dispatch_seconds(run: CompiledRun, state: Any) -> list[float]:
    """Times the first dispatches of a run; the first `WARM_UP` ones are slower than the rest."""
    dispatches = min(WARM_UP + TIMED, -(-run.job.config.steps // run.most))
    rows, seconds = run.job.inputs.batches(0, dispatches * run.most), []
    for _ in itertools.repeat(None, dispatches):
        before = time.monotonic()
        inputs = to_devices(stacked(rows, run.most, run.most), run.mesh, axis=1)
        state, metrics = run.step(state, inputs, run.most)
        jax.block_until_ready((state, metrics))
        seconds.append(time.monotonic() - before)
    return seconds
