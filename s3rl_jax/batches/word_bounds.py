"""The place and the length of words in their recordings."""

import numpy as np
from jaxtyping import Bool, Int, Int16

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.corpus import Clips

MARGIN_SECONDS = 0.3  # of a window around a long word: bounds are estimated from the energy


def word_bounds(clips: Clips, words: Bool[np.ndarray, "recordings"], longest: int) -> Int[np.ndarray, "recordings 2"]:
    """First sample of the word in each recording, and one past its last, in samples.

    Args:
      clips: the corpus, whose speech bounds are taken.
      words: which recordings are of a word; the bounds of the others are of no use.
      longest: where the speech of a word is longer, its loudest stretch of that many samples is taken.
    """
    bounds = np.stack([clips.columns["speech_start"], clips.columns["speech_end"]], axis=1)
    for row in clips.rows(words & (bounds[:, 1] - bounds[:, 0] > longest)):
        bounds[row] = loudest_stretch(clips.audio(row), *bounds[row].tolist(), longest)
    return bounds


def long_word_seconds(clips: Clips, classes: Int[np.ndarray, "recordings"], share: float = 0.95) -> float:
    """The length that `share` of the recordings of keywords (classes above 0) do not exceed, in seconds; 0 without any.

    A detector's window has to hold the word and a margin: MARGIN_SECONDS on top of this.
    """
    lengths = (clips.columns["speech_end"] - clips.columns["speech_start"])[classes > 0]
    return float(np.quantile(lengths, share)) / SAMPLE_RATE if len(lengths) else 0.0


def loudest_stretch(audio: Int16[np.ndarray, "samples"], start: int, stop: int, size: int) -> tuple[int, int]:
    """The bounds of the loudest stretch of `size` samples within [start, stop)."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio[start:stop].astype(np.float64)))])
    best = start + int(np.argmax(energy[size:] - energy[:-size]))
    return best, best + size
