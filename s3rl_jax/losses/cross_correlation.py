"""Dual-view cross-correlation distillation (arXiv 2307.02720, section 3.2).

Both views compare the same two [batch, dim] matrices, H of the teacher and O of the student: one vector for each utterance of
the global batch.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from s3rl_jax.losses.cosine import unit

Views = Float[ArrayLike, "batch dim"]
Scalar = Float[ArrayLike, ""]


def centre(x: Views) -> Views:
    """Subtracts each feature's mean over the batch, as Barlow Twins does before it correlates."""
    return x - x.mean(axis=0)


def feature_view(teacher: Views, student: Views, alpha: Scalar) -> Float[Array, ""]:
    """Correlates features over the batch and pulls the D x D matrix to the identity.

    C_ij = sum_b H_bi O_bj / (|H_:i| |O_:j|),   L_C = sum_i (C_ii - 1)^2 + alpha sum_{i != j} C_ij^2
    """
    return _towards_identity(unit(teacher, axis=0).T @ unit(student, axis=0), alpha)


def batch_view(teacher: Views, student: Views, beta: Scalar) -> Float[Array, ""]:
    """Correlates utterances over the features and pulls the B x B matrix to the identity.

    G_ij = sum_d H_id O_jd / (|H_i:| |O_j:|),   L_G = sum_i (G_ii - 1)^2 + beta sum_{i != j} G_ij^2
    """
    return _towards_identity(unit(teacher, axis=1) @ unit(student, axis=1).T, beta)


def dual_view(feature: Scalar, batch: Scalar) -> Float[Array, ""]:
    """L_C / sg(L_C) + L_G / sg(L_G), where sg stops the gradient: its value is 2, its gradient that of log L_C + log L_G."""
    return _normalised(feature) + _normalised(batch)


def _towards_identity(correlation, off_diagonal):
    diagonal = jnp.diagonal(correlation)
    others = jnp.sum(jnp.square(correlation)) - jnp.sum(jnp.square(diagonal))
    return jnp.sum(jnp.square(diagonal - 1)) + off_diagonal * others


def _normalised(loss):
    return loss / jax.lax.stop_gradient(loss)
