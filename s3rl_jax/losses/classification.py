"""Cross-entropy of the keyword head, weighted by class."""

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int


def cross_entropy(
    logits: Float[ArrayLike, "batch classes"],
    label: Int[ArrayLike, "batch"],
    class_weights: Float[ArrayLike, "classes"],
    smoothing: float = 0.0,
) -> Float[Array, ""]:
    """- sum_b w_{y_b} log p_b(y_b) / sum_b w_{y_b}, y the labels, w the class weights.

    `smoothing`, from 0 to 1, mixes that share of the uniform distribution into each label.
    """
    soft = optax.smooth_labels(jnp.eye(logits.shape[-1])[label], smoothing)
    weight = class_weights[label]
    return jnp.sum(weight * optax.softmax_cross_entropy(logits, soft)) / jnp.sum(weight)
