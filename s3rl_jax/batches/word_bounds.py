"""Position and length of words in their recordings."""

import numpy as np
from jaxtyping import Bool, Int, Int16

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.corpus import Clips

MARGIN_SECONDS = 0.3  # by which a window should exceed a long word, because word bounds are estimated from the energy


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


def long_word_seconds(clips: Clips, classes: Int[np.ndarray, "recordings"], share: float = 0.95) -> float:
    """Length in seconds of long words: a share `share` of the keywords' recordings is no longer. 0 without such recordings.

    A detector's window should be MARGIN_SECONDS longer than this.

    Args:
      clips: the corpus.
      classes: class of each recording; a keyword's is above 0.
      share: quantile of the lengths.
    """
    lengths = (clips.columns["speech_end"] - clips.columns["speech_start"])[classes > 0]
    return float(np.quantile(lengths, share)) / SAMPLE_RATE if len(lengths) else 0.0


def window_warning(clips: Clips, classes: Int[np.ndarray, "recordings"], window_seconds: float) -> str:
    """A line about a window that is too short for the corpus's recordings of keywords; empty if it is long enough."""
    seconds = long_word_seconds(clips, classes)
    if not seconds or window_seconds >= seconds + MARGIN_SECONDS:
        return ""
    return (
        f"config.data.window_seconds={window_seconds:g}: 5 % of the keyword's recordings have more than {seconds:.2f} s of "
        f"speech; expected a window of {seconds + MARGIN_SECONDS:.2f} s or more, or the keyword's bounds in the manifest's "
        "columns word_start_s and word_end_s"
    )


def loudest_stretch(audio: Int16[np.ndarray, "samples"], start: int, stop: int, size: int) -> tuple[int, int]:
    """Bounds of the loudest stretch of `size` samples within [start, stop)."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio[start:stop].astype(np.float64)))])
    best = start + int(np.argmax(energy[size:] - energy[:-size]))
    return best, best + size
