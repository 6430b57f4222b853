"""Writes shards in parallel: in processes of this machine, or on the workers of Apache Beam."""

import concurrent.futures
import multiprocessing
import os
import threading

from s3rl_jax.core.errors import UserError, one_line
from s3rl_jax.core.progress import Progress
from s3rl_jax.prepare.shards import ShardJob, write_shard


def write_with_processes(jobs: list[ShardJob], workers: int, min_parallel_bytes: int) -> None:
    """Writes the shards in `workers` processes, or in this one if they have fewer than `min_parallel_bytes` to read."""
    with Progress(sum(len(job.recordings) for job in jobs), "recordings", "preparing") as progress:
        if min(workers, len(jobs)) < 2 or sum(job.recordings.bytes for job in jobs) < min_parallel_bytes:
            for job in jobs:
                write_shard(job)
                progress.advance(len(job.recordings))
            return
        # A forked process would inherit locks that threads of libraries hold; a spawned one does not.
        context = multiprocessing.get_context("spawn")
        count = min(workers, len(jobs))
        with concurrent.futures.ProcessPoolExecutor(count, mp_context=context, initializer=end_with_parent) as pool:
            pending = {pool.submit(write_shard, job): job for job in jobs}
            try:
                for done in concurrent.futures.as_completed(pending):
                    done.result()
                    progress.advance(len(pending[done].recordings))
            finally:
                pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """Makes this process end when the process that started it is killed.

    Otherwise it would wait for more shards for ever, and write one at the same time as the next command.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def write_with_beam(jobs: list[ShardJob], runner: str, options: tuple[str, ...]) -> None:
    """Writes the shards on the workers of a Beam runner, each shard as one task.

    Args:
      jobs: the shards.
      runner: name of the runner.
      options: options of the runner.

    Raises:
      UserError: if Beam is not installed, or does not know the runner or an option.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise UserError(f"--runner={runner}: Apache Beam is not installed; pip install 's3rl_jax[beam]'") from error
    try:
        pipeline = beam.Pipeline(runner=runner, options=PipelineOptions(list(options)))
    except ValueError as error:
        raise UserError(f"--runner={runner}, --beam_options: {one_line(error)}") from error
    with pipeline:
        _ = pipeline | beam.Create(jobs) | beam.Reshuffle() | beam.Map(write_shard)
