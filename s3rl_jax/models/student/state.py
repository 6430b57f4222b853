"""The state of a streaming student: the past frames that each layer still needs."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Num

State = dict[str, Num[ArrayLike, "batch _ ..."]]
STATE = "state"  # name of a scope, by which an export recognises operations on a state, to keep them in float


def append(
    past: Float[ArrayLike, "batch past *dims"], new: Float[ArrayLike, "batch time *dims"]
) -> tuple[Float[Array, "batch past+time *dims"], Float[Array, "batch past *dims"]]:
    """Joins the past of a stream and its new frames.

    Returns:
      All frames, and the last `past` ones, which are the past of the next step.
    """
    with jax.named_scope(STATE):
        frames = jnp.concatenate([past, new], axis=1)
        return frames, frames[:, new.shape[1] :]


def append_to_silence(
    past: int, new: Float[ArrayLike, "batch time *dims"]
) -> tuple[Float[Array, "batch {past}+time *dims"], Float[Array, "batch {past} *dims"]]:
    """Appends to `past` frames of zeros, at the beginning of a clip. An export does not have to store the zeros."""
    with jax.named_scope(STATE):
        frames = jnp.pad(new, [(0, 0), (past, 0)] + [(0, 0)] * (new.ndim - 2))
        return frames, frames[:, new.shape[1] :]


def extend(
    past: Float[ArrayLike, "batch {frames} *dims"] | None, new: Float[ArrayLike, "batch time *dims"], frames: int
) -> tuple[Float[Array, "batch {frames}+time *dims"], Float[Array, "batch {frames} *dims"]]:
    """Appends to `frames` past frames; None stands for frames of zeros."""
    return append_to_silence(frames, new) if past is None else append(past, new)
