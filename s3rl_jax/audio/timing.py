"""Change of speed and shift in time, as pure functions of one waveform."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int


def change_speed(audio: Float[ArrayLike, "samples"], speed: Float[ArrayLike, ""], anchor: int = 0) -> Float[Array, "samples"]:
    """Plays the waveform `speed` times as fast, which also raises the pitch; the sample at `anchor` stays where it is.

    Samples beyond the ends are zero. Values between samples come from a cubic through the four nearest samples (Lagrange):
    at speeds near 1 its error is 40 dB below a tone of 2 kHz.
    """
    position = anchor + (jnp.arange(audio.shape[0]) - anchor) * speed
    whole = jnp.floor(position).astype(jnp.int32)
    t = position - whole
    padded = jnp.pad(audio, 4)
    near = jnp.clip(whole + 4, 1, audio.shape[0] + 5)  # beyond the ends, all four samples lie in the padding
    before, here, after, beyond = (padded[near + i] for i in (-1, 0, 1, 2))
    return (
        -t * (t - 1) * (t - 2) / 6 * before
        + (t + 1) * (t - 1) * (t - 2) / 2 * here
        - (t + 1) * t * (t - 2) / 2 * after
        + (t + 1) * t * (t - 1) / 6 * beyond
    )


def shift(audio: Float[ArrayLike, "samples"], later: Int[ArrayLike, ""]) -> Float[Array, "samples"]:
    """Delays the waveform by `later` samples (advances it, if negative), and fills with zeros."""
    source = jnp.arange(audio.shape[0]) - later
    return jnp.where((source >= 0) & (source < audio.shape[0]), jnp.roll(audio, later), 0)
