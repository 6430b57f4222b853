"""DistilHuBERT's distance (arXiv 2110.01900, equation 1), over frames or over utterances."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from s3rl_jax.losses.cosine import unit


def frame_regression(
    teacher: Float[ArrayLike, "batch time dim"],
    student: Float[ArrayLike, "batch time dim"],
    valid: Bool[ArrayLike, "batch time"],
    cosine_weight: Float[ArrayLike, ""],
) -> Float[Array, ""]:
    """mean_t ( mean_d |h_td - o_td| - lambda log sigmoid(cos(h_t, o_t)) ) over valid frames t; lambda is `cosine_weight`."""
    distance = _distance(teacher, student, cosine_weight)
    return jnp.sum(distance * valid) / jnp.maximum(valid.sum(), 1)


def utterance_regression(
    teacher: Float[ArrayLike, "batch dim"], student: Float[ArrayLike, "batch dim"], cosine_weight: Float[ArrayLike, ""]
) -> Float[Array, ""]:
    """The distance of `frame_regression`, between one vector of the teacher and of the student for each utterance; the mean."""
    return _distance(teacher, student, cosine_weight).mean()


def _distance(teacher, student, cosine_weight):
    cosine = jnp.sum(unit(teacher) * unit(student), axis=-1)
    return jnp.abs(teacher - student).mean(axis=-1) - cosine_weight * jax.nn.log_sigmoid(cosine)
