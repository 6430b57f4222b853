"""Recordings of synthetic speech, which are known by their licence."""

import numpy as np
from jaxtyping import Bool

from s3rl_jax.corpus.corpus import Clips

BEGINNING = "synthetic speech"  # of the licence


def is_synthetic(clips: Clips) -> Bool[np.ndarray, "recordings"]:
    """Whether each recording is of a synthetic voice, not of a person."""
    return np.strings.startswith(clips.columns["licence"], BEGINNING)
