"""The worst errors of a detector: short clips of the stream, as WAV files and log-mel pictures for the page."""

import base64
import functools
import io
from typing import NamedTuple

import jax
import matplotlib.image
import numpy as np
import soundfile
from jaxtyping import Float, Int16

from s3rl_jax.audio.logmel import WINDOW, frame_count, log_mel, to_float
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.evaluate.stream import PlacedClip, Stream
from s3rl_jax.evaluate.trial import Trial

MOST = 6  # clips of each kind in a condition
CONDITIONS = ("clean", "playback", "snr_5", "television")  # conditions whose worst clips are shown
BEFORE_SECONDS, AFTER_SECONDS = 2.0, 0.5  # around the hop of a false accept
AROUND_SECONDS = 0.4  # before and after a word
LONGEST_SECONDS = 4.0
PICTURE_RANGE = 7.0 * np.log(10)  # 70 dB of power, in natural logarithms


class WorstClip(NamedTuple):
    """A few seconds of a stream.

    Attributes:
      missed: whether it is a missed word; otherwise it is a false accept.
      clip: the recording at that time.
      score: highest smoothed posterior.
      seconds: beginning in the stream.
      audio: samples of the stream at 16 kHz.
    """

    missed: bool
    clip: PlacedClip
    score: float
    seconds: float
    audio: Int16[np.ndarray, "samples"]


def worst_clips(condition: str, stream: Stream, trial: Trial, threshold: float) -> list[WorstClip]:
    """Missed words with the lowest scores, then false accepts with the highest scores.

    Args:
      condition: name of the condition; the list is empty for one that is not in `CONDITIONS`.
      stream: the stream.
      trial: scores of the stream.
      threshold: threshold of the operating point at which the report lists errors.
    """
    if condition not in CONDITIONS:
        return []
    return _missed_words(stream, trial, threshold) + _false_accepts(stream, trial, threshold)


def wav_address(audio: Int16[np.ndarray, "samples"]) -> str:
    """Encodes audio as the data URL of a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, audio, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return f"data:audio/wav;base64,{base64.b64encode(file.getvalue()).decode()}"


def picture_address(audio: Int16[np.ndarray, "samples"]) -> str:
    """Draws the log-mel energies of audio, low bands at the bottom, as the data URL of a PNG file."""
    padded = np.zeros(int(LONGEST_SECONDS * SAMPLE_RATE), np.int16)  # all clips have one shape and share a compilation
    padded[: len(audio)] = audio
    features = np.asarray(_compiled_log_mel()(padded))[: frame_count(max(len(audio), WINDOW))]
    shown: Float[np.ndarray, "bands frames"] = np.maximum(features, features.max() - PICTURE_RANGE).T[::-1]
    file = io.BytesIO()
    matplotlib.image.imsave(file, shown, cmap="magma", format="png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _missed_words(stream: Stream, trial: Trial, threshold: float) -> list[WorstClip]:
    words = sorted(zip(trial.peaks.tolist(), range(len(trial.peaks)), stream.words, strict=True))
    around = int(AROUND_SECONDS * SAMPLE_RATE)
    return [
        _cut(True, word, peak, stream, word.speech_start - around, word.speech_stop + around)
        for peak, _, word in [entry for entry in words if entry[0] < threshold][:MOST]
    ]


def _false_accepts(stream: Stream, trial: Trial, threshold: float) -> list[WorstClip]:
    fired = trial.false_accepts(threshold)
    clips = []
    for hop in fired[np.argsort(-trial.scores[fired], kind="stable")][:MOST]:
        seconds = (hop + 1) * trial.hop_seconds
        first, last = (int((seconds + offset) * SAMPLE_RATE) for offset in (-BEFORE_SECONDS, AFTER_SECONDS))
        clips.append(_cut(False, stream.clip_at(seconds), float(trial.scores[hop]), stream, first, last))
    return clips


def _cut(missed: bool, clip: PlacedClip, score: float, stream: Stream, first: int, last: int) -> WorstClip:
    first = max(first, 0)
    audio = stream.audio[first : min(last, first + int(LONGEST_SECONDS * SAMPLE_RATE))]
    return WorstClip(missed, clip, score, first / SAMPLE_RATE, audio)


@functools.cache
def _compiled_log_mel():
    return jax.jit(lambda audio: log_mel(to_float(audio)))
