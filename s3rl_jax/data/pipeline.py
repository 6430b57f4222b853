"""Batches in step order: from memory where the corpus fits, through tf.data where it does not."""

import concurrent.futures
from collections.abc import Callable, Iterator

import numpy as np

from s3rl_jax.data.corpus import Clips, in_memory, read_corpus

MakeBatch = Callable[[int], dict[str, np.ndarray]]


def open_corpus(paths: str, split: str, memory_gib: float) -> tuple[Clips, bool]:
    """Opens `config.data.corpus`; says whether its audio is held in memory (it takes at most `memory_gib`)."""
    clips = read_corpus(paths, split, "config.data.corpus")
    fits = clips.columns["samples"].sum() * 2 <= memory_gib * 2**30
    return (in_memory(clips) if fits else clips), bool(fits)


def batches(make_batch: MakeBatch, first: int, last: int, from_memory: bool) -> Iterator[dict[str, np.ndarray]]:
    """The batches of steps first..last-1, made ahead of the step that needs them.

    Args:
      make_batch: pure function of the step.
      first: the step to begin at, 0 or where a run resumes.
      last: one past the last step.
      from_memory: crops are cheap, so one thread makes the next batch; else tf.data reads several in parallel.
    """
    return _one_ahead(make_batch, first, last) if from_memory else _tf_data(make_batch, first, last)


def _one_ahead(make_batch, first, last):
    with concurrent.futures.ThreadPoolExecutor(1) as worker:
        pending = worker.submit(make_batch, first)
        for step in range(first, last):
            batch = pending.result()
            if step + 1 < last:
                pending = worker.submit(make_batch, step + 1)
            yield batch


def _tf_data(make_batch, first, last):
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")  # TensorFlow only reads here: the accelerator is JAX's
    example = make_batch(first)
    names = sorted(example)
    types = [tf.as_dtype(example[name].dtype) for name in names]

    def columns_of(step):
        batch = make_batch(int(step))
        return [batch[name] for name in names]

    def read(step):
        columns = tf.numpy_function(columns_of, [step], types)
        for name, column in zip(names, columns, strict=True):
            column.set_shape(example[name].shape)
        return dict(zip(names, columns, strict=True))

    dataset = tf.data.Dataset.range(first, last).map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    yield from dataset.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()
