"""Prepares batches in threads, in step order, ahead of the steps that need them.

These are plain threads, not tf.data: a batch is a Python function of its step, and tf.data would only call it. Measured on
two cores, four threads read as fast as tf.data from a local disk (0.96 times), and 2.2 times as fast where a batch waits
20 ms for the disk. For other uses, `s3rl_jax/corpus/layout.py` shows how to read a corpus with tf.data.
"""

import collections
import concurrent.futures
from collections.abc import Callable, Iterator
from typing import Any

MakeBatch = Callable[[int], dict[str, Any]]

THREADS = 4  # also the number of batches that are prepared ahead


def read_ahead(make_batch: MakeBatch, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Yields the batches, or the plans, of steps first..last-1. The next ones are prepared in threads while a step runs.

    Args:
      make_batch: pure function from a step to its batch.
      first: first step: 0, or the step at which a run resumes.
      last: one past the last step.
    """
    with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
        pending = collections.deque(threads.submit(make_batch, step) for step in range(first, min(first + THREADS, last)))
        try:
            for step in range(first + THREADS, last + THREADS):
                batch = pending.popleft().result()
                if step < last:
                    pending.append(threads.submit(make_batch, step))
                yield batch
        finally:
            threads.shutdown(cancel_futures=True)
