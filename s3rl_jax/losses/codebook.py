"""Prediction of the teacher's codes at masked frames (arXiv 2307.02720, section 3.3)."""

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Key

from s3rl_jax.losses.contrastive import contrastive, sample_distractors


def teacher_codebook(
    rng: Key[Array, ""],
    student: Float[ArrayLike, "batch time dim"],
    codes: Float[ArrayLike, "batch time dim"],
    mask: Bool[ArrayLike, "batch time"],
    distractors: int,
    kappa: float,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """- log ( exp(cos(o_t, k_t) / kappa) / sum_{k in {k_t} + K_t} exp(cos(o_t, k) / kappa) ), mean over masked frames t.

    o is the student's output, k_t the teacher's code vector. K_t holds the code vectors of `distractors` other masked frames
    of the same utterance. A frozen codebook needs no diversity term.

    Returns:
      The loss, and the share of masked frames at which k_t is the nearest code (accuracy).
    """
    return contrastive(student, codes, mask, sample_distractors(rng, mask, distractors), kappa)


def code_classes(
    logits: Float[ArrayLike, "batch time groups entries"],
    index: Int[ArrayLike, "batch time groups"],
    mask: Bool[ArrayLike, "batch time"],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """- log p_t(k_t), summed over the codebook's groups, mean over masked frames t (HuBERT, arXiv 2106.07447, equation 1).

    p_t = softmax(logits), k_t = index.

    Returns:
      The loss, and the accuracy over all groups.
    """
    weight = mask[..., None] / jnp.maximum(mask.sum(), 1)
    errors = optax.softmax_cross_entropy_with_integer_labels(logits, index)
    hits = logits.argmax(-1) == index
    return jnp.sum(errors * weight), jnp.sum(hits * weight) / index.shape[-1]
