"""Batches in step order, prepared ahead of the steps that need them.

Plain threads, not tf.data: a batch is a Python function of its step, and tf.data can only call it. Side by side on
two cores, four threads read as fast as tf.data from a local disk (0.96 times) and 2.2 times as fast where a batch waits 20
ms for the disk. A corpus can be read with tf.data all the same: `s3rl_jax/corpus/layout.py` says how.
"""

import collections
import concurrent.futures
from collections.abc import Callable, Iterator
from typing import Any

MakeBatch = Callable[[int], dict[str, Any]]

THREADS = 4  # and as many batches are prepared ahead


def read_ahead(make_batch: MakeBatch, first: int, last: int) -> Iterator[dict[str, Any]]:
    """The batches, or the plans, of steps first..last-1; the next ones are prepared in threads while a step runs.

    Args:
      make_batch: pure function of the step.
      first: the step to begin at: 0, or where a run resumes.
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
