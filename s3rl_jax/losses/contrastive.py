"""wav2vec 2.0's contrastive, diversity and feature losses (arXiv 2006.11477, section 3.2)."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Key

from s3rl_jax.losses.cosine import unit


def sample_distractors(rng: Key[Array, ""], mask: Bool[ArrayLike, "batch time"], count: int) -> Int[Array, "batch time count"]:
    """Draws, for each frame, `count` other masked frames of the same utterance, uniformly with replacement.

    Returns:
      Indices of frames.
    """

    def sample_utterance(rng, mask):
        masked = mask.sum()
        frames = jnp.argsort(~mask, stable=True)  # the masked frames first, in order
        rank = jnp.cumsum(mask) - 1  # position of each masked frame in `frames`
        drawn = jax.random.randint(rng, (mask.shape[0], count), 0, jnp.maximum(masked - 1, 1))
        return frames[drawn + (drawn >= rank[:, None])]  # skips the frame itself

    return jax.vmap(sample_utterance)(jax.random.split(rng, len(mask)), mask)


def contrastive(
    predictions: Float[ArrayLike, "batch time dim"],
    targets: Float[ArrayLike, "batch time dim"],
    mask: Bool[ArrayLike, "batch time"],
    distractors: Int[ArrayLike, "batch time count"],
    temperature: float,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """- log ( exp(cos(p_t, q_t) / T) / sum_{q in {q_t} + Q_t} exp(cos(p_t, q) / T) ), mean over masked frames t.

    p are the predictions, q the targets, Q_t the targets at the distractors of frame t. Distractors whose target equals q_t
    are left out, as in wav2vec 2.0. So are utterances with a single masked frame, which have no distractors. The paper
    writes a sum over frames; the mean makes the loss independent of clip length and batch size.

    Returns:
      The loss, and the share of masked frames at which q_t is nearer to p_t than all distractors (accuracy).
    """
    unit_predictions, unit_targets = unit(predictions), unit(targets)
    # Every distractor is a frame of the same utterance, so all cosines are in one [time, time] product. A gather of scalars
    # from it is far cheaper than a gather of [time, count, dim] vectors.
    similarity = jnp.einsum("btd,bsd->bts", unit_predictions, unit_targets) / temperature
    right = jnp.diagonal(similarity, axis1=1, axis2=2)[..., None]
    wrong = jnp.take_along_axis(similarity, distractors, axis=2)
    same = jnp.take_along_axis(_equal_rows(unit_targets), distractors, axis=2)
    wrong = jnp.where(same, -jnp.inf, wrong)
    frame_loss = jax.nn.logsumexp(jnp.concatenate([right, wrong], axis=-1), axis=-1) - right[..., 0]
    counted = mask & (mask.sum(axis=1, keepdims=True) > 1)
    total = jnp.maximum(counted.sum(), 1)
    wins = (right > wrong.max(axis=-1, keepdims=True))[..., 0]
    return jnp.sum(frame_loss * counted) / total, jnp.sum(wins & counted) / total


def diversity(
    probabilities: Float[ArrayLike, "batch time groups entries"], mask: Bool[ArrayLike, "batch time"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """(GV - sum_g exp(H(mean p_g))) / GV, H the entropy: 0 where all V entries of all G groups are used evenly.

    Returns:
      The loss, and the perplexity summed over the groups (between G and GV; G means collapse).
    """
    weights = mask[..., None, None].astype(probabilities.dtype)
    mean = jnp.sum(probabilities * weights, axis=(0, 1)) / jnp.maximum(weights.sum(), 1)
    perplexity = jnp.exp(-jnp.sum(mean * jnp.log(mean + 1e-7), axis=-1)).sum()
    return 1 - perplexity / mean.size, perplexity


def feature_penalty(latents: Float[ArrayLike, "batch time dim"], valid: Bool[ArrayLike, "batch time"]) -> Float[Array, ""]:
    """Mean square of the latents at valid frames; it keeps the output of the convolutions from growing."""
    weights = valid[..., None].astype(latents.dtype)
    return jnp.sum(jnp.square(latents) * weights) / (jnp.maximum(weights.sum(), 1) * latents.shape[-1])


def _equal_rows(unit):
    cosine = jax.lax.stop_gradient(jnp.einsum("btd,bsd->bts", unit, unit))
    return cosine > 1 - 1e-6
