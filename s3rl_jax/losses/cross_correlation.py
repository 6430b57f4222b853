"""Dual-view cross-correlation distillation (arXiv 2307.02720, section 3.2).

Both views read the same two matrices: what the teacher and the student say of each utterance of the global batch.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from s3rl_jax.losses.cosine import unit

Views = Float[Array, "batch dim"]


def centre(x: Views) -> Views:
    """Subtracts each feature's mean over the batch, as Barlow Twins does before it correlates."""
    return x - x.mean(axis=0)


def feature_view(teacher: Views, student: Views, alpha: float) -> Float[Array, ""]:
    """Correlates features over the batch and pulls the D x D matrix to the identity.

    C_ij = sum_b H_bi O_bj / (|H_:i| |O_:j|),   L_C = sum_i (C_ii - 1)^2 + alpha sum_{i != j} C_ij^2
    """
    return _towards_identity(unit(teacher, axis=0).T @ unit(student, axis=0), alpha)


def batch_view(teacher: Views, student: Views, beta: float) -> Float[Array, ""]:
    """Correlates utterances over the features and pulls the B x B matrix to the identity.

    G_ij = sum_d H_id O_jd / (|H_i:| |O_j:|),   L_G = sum_i (G_ii - 1)^2 + beta sum_{i != j} G_ij^2
    """
    return _towards_identity(unit(teacher, axis=1) @ unit(student, axis=1).T, beta)


def dual_view(feature: Float[Array, ""], batch: Float[Array, ""]) -> Float[Array, ""]:
    """L_C / sg(L_C) + L_G / sg(L_G): its value is always 2, its gradient that of log L_C + log L_G."""
    return _normalised(feature) + _normalised(batch)


def _towards_identity(correlation, off_diagonal):
    diagonal = jnp.diagonal(correlation)
    others = jnp.sum(jnp.square(correlation)) - jnp.sum(jnp.square(diagonal))
    return jnp.sum(jnp.square(diagonal - 1)) + off_diagonal * others


def _normalised(loss):
    return loss / (jax.lax.stop_gradient(loss))
