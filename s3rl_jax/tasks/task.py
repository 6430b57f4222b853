"""A task: the pure functions that the engine trains with. The engine knows nothing else of a task."""

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
    """Pure functions of a task, and the arrays that they read.

    The weights are arrays, and the targets are computed apart from the loss. So K students with K different loss weights
    are `vmap(loss)` over one pass of the teacher.

    Attributes:
      init: (rng, batch) -> params, the parameters in a checkpoint.
      targets: (frozen, batch, rng) -> targets, everything that needs neither gradient nor student: the teacher's outputs
        and the augmented input.
      loss: (params, targets, batch, rng, weights) -> (scalar, metrics, statistics). The statistics are new values of those
        entries of params that are running averages (of BatchNorm); `{}` where there are none.
      weights: step -> the loss weights, and other values that follow a schedule, as arrays.
      frozen: arrays that are read but not trained: teacher, noise, impulse responses. A checkpoint does not hold them.
      trainable: top-level names of the params that are trained; None: all.
      measure: (params, targets, batch, rng, weights) -> metrics of a held-out batch, without dropout or other noise of
        training; None: the loss and metrics of `loss`.
      watch: (logged metrics, share of the steps that are done) -> warnings for the user.
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
    """Temperature at a step: start x decay^step, but at least end (wav2vec 2.0, section 4.2)."""
    return jnp.maximum(settings.start * settings.decay ** step.astype(jnp.float32), settings.end)
