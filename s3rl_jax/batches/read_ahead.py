"""Batches in step order: plans for a corpus that is held on the accelerator, else audio read through tf.data."""

import concurrent.futures
from collections.abc import Callable, Iterator

import numpy as np

MakeBatch = Callable[[int], dict[str, np.ndarray]]


def planned(make_plan: MakeBatch, first: int, last: int) -> Iterator[dict[str, np.ndarray]]:
    """The plans of steps first..last-1, the next one made while a step runs. `make_plan` is a pure function of the step."""
    with concurrent.futures.ThreadPoolExecutor(1) as worker:
        pending = worker.submit(make_plan, first)
        for step in range(first, last):
            plan = pending.result()
            if step + 1 < last:
                pending = worker.submit(make_plan, step + 1)
            yield plan


def read(make_batch: MakeBatch, first: int, last: int) -> Iterator[dict[str, np.ndarray]]:
    """The batches of steps first..last-1, several read at a time through tf.data, ahead of the steps that need them.

    Args:
      make_batch: pure function of the step; reads.
      first: the step to begin at, 0 or where a run resumes.
      last: one past the last step.
    """
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")  # TensorFlow only reads here: the accelerator is JAX's
    example = make_batch(first)
    names = sorted(example)
    types = [tf.as_dtype(example[name].dtype) for name in names]

    def columns_of(step):
        batch = make_batch(int(step))
        return [batch[name] for name in names]

    def load(step):
        columns = tf.numpy_function(columns_of, [step], types)
        for name, column in zip(names, columns, strict=True):
            column.set_shape(example[name].shape)
        return dict(zip(names, columns, strict=True))

    dataset = tf.data.Dataset.range(first, last).map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    yield from dataset.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()
