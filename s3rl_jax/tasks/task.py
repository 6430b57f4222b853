"""What the training loop runs, without knowing what it is about."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Batch = dict[str, Array]
Params = Any
Metrics = dict[str, Float[Array, ""]]


class Task(NamedTuple):
    """Three pure functions, and what they are given besides the batch.

    Because the weights are arrays and the targets stand apart, K students with K different loss weights are
    `vmap(loss)` over one pass of the teacher.

    Attributes:
      init: (rng, batch) -> params; only what is trained.
      targets: (frozen, batch, rng) -> targets; what needs no gradient and no student: what the teacher says, and the
        augmented input.
      loss: (params, targets, batch, rng, weights) -> (scalar, metrics). A metric that has the name of an entry of params
        is no metric: it is that entry's next value, for what is averaged and not trained (BatchNorm's statistics).
      weights: step -> the loss weights, and whatever else follows a schedule, as arrays.
      frozen: arrays that are used but not trained (teacher, noise, impulse responses). Not part of a checkpoint.
      trainable: the top-level names of params that are trained; None is all of them.
      measure: (params, targets, batch, rng, weights) -> metrics on held-out batches, without dropout or other noise of
        training; None: the metrics of `loss`.
      watch: logged metrics, and the share of the steps that is done -> what a user should be warned of, in plain words.
    """

    init: Callable[[Key[Array, ""], Batch], Params]
    targets: Callable[[Any, Batch, Key[Array, ""]], Any]
    loss: Callable[[Params, Any, Batch, Key[Array, ""], dict[str, Array]], tuple[Float[Array, ""], Metrics]]
    weights: Callable[[Array], dict[str, Array]]
    frozen: Any
    trainable: tuple[str, ...] | None = None
    measure: Callable[[Params, Any, Batch, Key[Array, ""], dict[str, Array]], Metrics] | None = None
    watch: Callable[[dict[str, float], float], list[str]] = lambda metrics, done: []


def loss_weights(config) -> dict[str, Array]:
    """`config.loss` as arrays."""
    return {name: jnp.float32(weight) for name, weight in config.loss.items()}


def gumbel_temperature(settings, step: Array) -> Array:
    """start x decay^step, no lower than end (wav2vec 2.0, section 4.2)."""
    return jnp.maximum(settings.start * settings.decay ** step.astype(jnp.float32), settings.end)
