"""A task: what the engine trains, as pure functions. The engine knows nothing else of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

Batch = dict[str, Array]
Params = dict[str, Any]
Metrics = dict[str, Float[Array, ""]]
Weights = dict[str, Array]


class Task(NamedTuple):
    """Three pure functions, and what they read besides the batch.

    Because the weights are arrays and the targets stand apart, K students with K different loss weights are
    `vmap(loss)` over one pass of the teacher.

    Attributes:
      init: (rng, batch) -> params; only what a checkpoint holds.
      targets: (frozen, batch, rng) -> targets; all that needs no gradient and no student: the teacher's answers and the
        augmented input.
      loss: (params, targets, batch, rng, weights) -> (scalar, metrics, moved). `moved` holds the next values of entries of
        params that are averaged instead of trained (BatchNorm's statistics); `{}` where there are none.
      weights: step -> the loss weights, and whatever else follows a schedule, as arrays.
      frozen: arrays that are read but not trained (teacher, noise, impulse responses). Not part of a checkpoint.
      trainable: the top-level names of params that are trained; None is all of them.
      measure: (params, targets, batch, rng, weights) -> metrics of a held-out batch, without dropout or other noise of
        training; None: the loss and metrics of `loss`.
      watch: (logged metrics, share of the steps that is done) -> warnings for the user.
      details: prefixes of metrics that are logged to files but not shown in the progress line.
    """

    init: Callable[[Key[Array, ""], Batch], Params]
    targets: Callable[[Any, Batch, Key[Array, ""]], Any]
    loss: Callable[[Params, Any, Batch, Key[Array, ""], Weights], tuple[Float[Array, ""], Metrics, Params]]
    weights: Callable[[Array], Weights]
    frozen: Any
    trainable: tuple[str, ...] | None = None
    measure: Callable[[Params, Any, Batch, Key[Array, ""], Weights], Metrics] | None = None
    watch: Callable[[dict[str, float], float], list[str]] = lambda metrics, share: []
    details: tuple[str, ...] = ()


def loss_weights(config: ConfigDict) -> Weights:
    """`config.loss` as arrays."""
    return {name: jnp.float32(weight) for name, weight in config.loss.items()}


def gumbel_temperature(settings: ConfigDict, step: Array) -> Float[Array, ""]:
    """start x decay^step, no lower than end (wav2vec 2.0, section 4.2)."""
    return jnp.maximum(settings.start * settings.decay ** step.astype(jnp.float32), settings.end)
