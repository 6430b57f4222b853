"""Cross-entropy of the keyword head, weighted by class, and more for examples that are hard."""

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

LEAST_ERROR = 1e-6  # of 1 - p, so that its power has a finite gradient


def cross_entropy(
    logits: Float[ArrayLike, "batch classes"],
    label: Int[ArrayLike, "batch"],
    class_weights: Float[ArrayLike, "classes"],
    smoothing: float = 0.0,
    focus: float = 0.0,
) -> Float[Array, ""]:
    """- sum_b w_{y_b} (1 - p_b(y_b))^focus log p_b(y_b) / sum_b w_{y_b}, y the labels, w the class weights.

    Args:
      logits: logits of each example.
      label: class of each example.
      class_weights: weight of each class.
      smoothing: share of the uniform distribution that is mixed into each label, from 0 to 1.
      focus: exponent of the focal loss (arXiv 1708.02002), which weighs down examples that are classified well; 0: none.
    """
    soft = optax.smooth_labels(jnp.eye(logits.shape[-1])[label], smoothing)
    weight, loss = class_weights[label], optax.softmax_cross_entropy(logits, soft)
    if focus:
        correct = jnp.exp(-optax.softmax_cross_entropy_with_integer_labels(logits, label))
        loss = loss * jnp.maximum(1 - correct, LEAST_ERROR) ** focus
    return jnp.sum(weight * loss) / jnp.sum(weight)
