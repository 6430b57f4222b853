"""Masks over frames: spans that a student must predict, and the valid frames of a padded batch."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Key


def valid_frames(count: Int[ArrayLike, "batch"], time: int) -> Bool[Array, "batch time"]:
    """Mask that is True at the first `count` frames of each row, of `time` frames."""
    return jnp.arange(time) < count[:, None]


def span_mask(
    rng: Key[Array, ""], valid: Bool[ArrayLike, "batch time"], probability: float, span: int
) -> Bool[Array, "batch time"]:
    """Mask of spans of `span` frames; each valid frame starts a span with `probability` (wav2vec 2.0, section 3.1).

    Spans may overlap, and are cut at the end of the utterance. Every utterance gets at least one span, so that an objective
    over masked frames is never empty.
    """
    starts_rng, forced_rng = jax.random.split(rng)
    starts = jax.random.bernoulli(starts_rng, probability, valid.shape)
    count = valid.sum(axis=1)
    forced = jax.random.randint(forced_rng, count.shape, 0, jnp.maximum(count - span, 1))
    starts |= jnp.arange(valid.shape[1]) == forced[:, None]
    started = jnp.cumsum(starts & valid, axis=1)
    ended = jnp.pad(started, ((0, 0), (span, 0)))[:, : valid.shape[1]]
    return (started > ended) & valid


def masked_mean(
    values: Float[ArrayLike, "batch time *dims"], mask: Bool[ArrayLike, "batch time"]
) -> Float[Array, "batch *dims"]:
    """Mean over the frames at which `mask` is True; zero if there are none."""
    weights = mask.astype(values.dtype).reshape(mask.shape + (1,) * (values.ndim - 2))
    return (values * weights).sum(axis=1) / jnp.maximum(weights.sum(axis=1), 1)
