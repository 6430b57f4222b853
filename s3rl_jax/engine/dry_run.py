"""`--dry_run`: what a run would cost, from a few steps of it."""

import itertools
import json
import time
from typing import Any

import jax

from s3rl_jax.core.messages import LOGGER
from s3rl_jax.engine.loop import Batches, stacked
from s3rl_jax.engine.mesh import to_devices
from s3rl_jax.engine.program import build, introduction
from s3rl_jax.engine.run_log import duration
from s3rl_jax.engine.step import Expand
from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.engine.throughput import ceiling, peak_memory
from s3rl_jax.tasks.task import Task

WARM_UP, TIMED = 1, 5  # dispatches


def rehearse(
    task: Task,
    batches: Batches,
    config,
    name: str,
    held: Any = (),
    expand: Expand = lambda held, inputs: inputs,
    sweep: Sweep | None = None,
    audio_seconds: float = 0.0,
) -> dict[str, Any]:
    """Compiles a run, makes some of its steps, and says what it needs; writes nothing.

    Args are those of `loop.train`.

    Returns:
      What is also printed on standard output as JSON: `parameters`; bytes a device as XLA plans them (`argument_bytes`:
      state, teacher, corpus and batch; `temporary_bytes`: activations) and the most that was held; `flops_per_step`;
      measured `steps_per_second`, `audio_seconds_per_second`, `flops_utilisation`; `hours_to_finish` at that rate.
    """
    begun = time.monotonic()
    program = build(task, config, next(batches(0, 1)), held, expand, sweep)
    state, planned = program.create(), program.compiled().memory_analysis()
    compiled_in = time.monotonic() - begun
    LOGGER.info(introduction(name, state.params, program, members=sweep is not None))
    dispatches = min(WARM_UP + TIMED, -(-config.steps // program.most))
    stream, seconds = batches(0, dispatches * program.most), []
    for _ in range(dispatches):
        before = time.monotonic()
        inputs = to_devices(stacked(stream, program.most, program.most), program.mesh, axis=1)
        state, metrics = program.step(state, inputs, program.most)
        jax.block_until_ready((state, metrics))
        seconds.append(time.monotonic() - before)
    timed = list(itertools.islice(seconds, WARM_UP, None)) or seconds
    rate = len(timed) * program.most / sum(timed)
    found = {
        "task": name,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
        "compile_seconds": round(compiled_in, 1),
        "argument_bytes": planned.argument_size_in_bytes if planned else None,
        "temporary_bytes": planned.temp_size_in_bytes if planned else None,
        "peak_memory_bytes": peak_memory(),
        "flops_per_step": program.flops(),
        "steps_per_second": round(rate, 4),
        "audio_seconds_per_second": round(rate * audio_seconds, 2),
        "flops_utilisation": round(rate * program.flops() / ceiling(), 4),
        "hours_to_finish": round(config.steps / rate / 3600, 3),
    }
    if planned:
        arguments, temporary = (size / 2**30 for size in (planned.argument_size_in_bytes, planned.temp_size_in_bytes))
        LOGGER.info(f"  memory a device: {arguments:.2f} GiB of state, data and batch, {temporary:.2f} GiB of activations")
    LOGGER.info(
        f"  {rate:.2f} steps/s ({max(timed) * 1e3 / program.most:.0f} ms the slowest of {len(timed)}), "
        f"{found['audio_seconds_per_second']:.0f} audio s/s, {found['flops_utilisation']:.1%} of peak flops: "
        f"{config.steps} steps in {duration(config.steps / rate)}"
    )
    if jax.process_index() == 0:
        print(json.dumps(found))
    return found
