"""The measured length of keywords, and the window that holds them.

The speech bounds of a corpus reach to whatever sounds in a recording; here noise around the word is left out.
"""

import itertools

import numpy as np
from jaxtyping import Float, Int, Int16

from s3rl_jax.audio.power import frame_power
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.corpus import Clips

LONGEST_WORD = 0.8  # of a window: the rest is margin, in which the word moves
LONG_SHARE = 0.95  # of the recordings of a keyword are no longer than what is taken for its length
MOST_RECORDINGS = 300  # of each keyword that are measured
FRAME = 320  # samples, 20 ms
PAUSE_FRAMES = 25  # at most, within a phrase: 0.5 s
BELOW_PEAK_DB = (25.0, 10.0)  # where speech ends: in silence, and at most in noise
ABOVE_FLOOR = 0.4  # of the way from the noise floor to the peak, in decibels: where speech ends between these two
FLOOR_QUANTILE = 0.1  # of the frames
WINDOW_STEP = 0.1  # seconds, to which windows are rounded up


def long_word_seconds(clips: Clips, classes: Int[np.ndarray, "recordings"]) -> float:
    """The length of the longest keyword, in seconds; 0 without any.

    Args:
      clips: the corpus.
      classes: 1 + the keyword's place, for the recordings of a keyword.

    Returns:
      The greatest over the keywords of the length that LONG_SHARE of a keyword's recordings do not exceed.
    """
    longest = 0.0
    for keyword in range(1, classes.max(initial=0) + 1):
        rows = clips.rows(classes == keyword)
        if len(rows):
            measured = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_RECORDINGS)).astype(int)]
            longest = max(longest, float(np.quantile([_length(clips, row) for row in measured], LONG_SHARE)))
    return longest


def window_for(word_seconds: float) -> float:
    """The shortest window that holds a word of that length and its margin, in seconds."""
    return float(round(np.ceil(round(word_seconds / LONGEST_WORD / WINDOW_STEP, 6)) * WINDOW_STEP, 6))


def word_seconds(audio: Int16[np.ndarray, "samples"]) -> float:
    """The length of the loudest speech in a recording, with its pauses, without the noise around it, in seconds."""
    levels = _levels(audio)
    if not len(levels):
        return len(audio) / SAMPLE_RATE
    peak, floor = levels.max(), np.quantile(levels, FLOOR_QUANTILE)
    loud = np.flatnonzero(levels >= np.clip(floor + ABOVE_FLOOR * (peak - floor), *(peak - below for below in BELOW_PEAK_DB)))
    edges = [0, *(np.flatnonzero(np.diff(loud) > PAUSE_FRAMES) + 1).tolist(), len(loud)]
    parts = [loud[first:last] for first, last in itertools.pairwise(edges)]
    speech = max(parts, key=lambda part: np.sum(10 ** (levels[part] / 10)))
    return float(speech[-1] - speech[0] + 1) * FRAME / SAMPLE_RATE


def _length(clips: Clips, row: int | np.integer) -> float:
    """The length of the word of a recording, in seconds: as the corpus states it, or measured within the speech."""
    start, end = int(clips.columns["speech_start"][row]), int(clips.columns["speech_end"][row])
    if clips.columns.get("placed", np.zeros(len(clips), bool))[row]:
        return (end - start) / SAMPLE_RATE
    return word_seconds(clips.audio(row)[start:end])


def _levels(audio: Int16[np.ndarray, "samples"]) -> Float[np.ndarray, "frames"]:
    """Energy of each frame of 20 ms in decibels, smoothed over three."""
    power = frame_power(audio, FRAME)
    return 10 * np.log10(1 + np.convolve(power, np.full(3, 1 / 3), "same")) if len(power) >= 3 else np.zeros(0)
