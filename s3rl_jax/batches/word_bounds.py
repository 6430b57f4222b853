"""Position of words in their recordings."""

import numpy as np
from jaxtyping import Bool, Int, Int16

from s3rl_jax.corpus.corpus import Clips


def word_bounds(clips: Clips, words: Bool[np.ndarray, "recordings"], longest: int) -> Int[np.ndarray, "recordings 2"]:
    """First sample of the word in each recording, and one past its last: the speech bounds of the corpus.

    Args:
      clips: the corpus.
      words: True at recordings of a keyword; the bounds of the others are not to be used.
      longest: samples; where a word's speech is longer, the loudest stretch of this length stands for the word.
    """
    bounds = np.stack([clips.columns["speech_start"], clips.columns["speech_end"]], axis=1)
    for row in clips.rows(words & (bounds[:, 1] - bounds[:, 0] > longest)):
        bounds[row] = loudest_stretch(clips.audio(row), *bounds[row].tolist(), longest)
    return bounds


def loudest_stretch(audio: Int16[np.ndarray, "samples"], start: int, stop: int, size: int) -> tuple[int, int]:
    """Bounds of the loudest stretch of `size` samples within [start, stop)."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio[start:stop].astype(np.float64)))])
    best = start + int(np.argmax(energy[size:] - energy[:-size]))
    return best, best + size
