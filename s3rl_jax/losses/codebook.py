"""The teacher's codebook: at masked frames the student picks the teacher's code vector (arXiv 2307.02720, section 3.3)."""

from jaxtyping import Array, Bool, Float, Key

from s3rl_jax.losses.contrastive import contrastive, sample_distractors


def teacher_codebook(
    rng: Key[Array, ""],
    student: Float[Array, "batch time dim"],
    codes: Float[Array, "batch time dim"],
    mask: Bool[Array, "batch time"],
    distractors: int,
    kappa: float,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """- log ( exp(cos(o_t, k_t) / kappa) / sum_{k in {k_t} + K_t} exp(cos(o_t, k) / kappa) ), mean over masked frames t.

    K_t: the codes of `distractors` other masked frames of the same utterance. The codebook is frozen, so no diversity
    term is needed.

    Returns:
      The loss and the accuracy.
    """
    return contrastive(student, codes, mask, sample_distractors(rng, mask, distractors), kappa)
