"""Cross-entropy of the keyword head, with a weight for each class."""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int


def cross_entropy(
    logits: Float[Array, "batch classes"],
    label: Int[Array, "batch"],
    class_weights: Float[Array, "classes"],
    smoothing: float = 0.0,
) -> Float[Array, ""]:
    """- sum_b w_{y_b} log p_b(y_b) / sum_b w_{y_b}, with the labels smoothed towards uniform by `smoothing`."""
    soft = optax.smooth_labels(jnp.eye(logits.shape[-1])[label], smoothing)
    weight = class_weights[label]
    return jnp.sum(weight * optax.softmax_cross_entropy(logits, soft)) / jnp.sum(weight)
