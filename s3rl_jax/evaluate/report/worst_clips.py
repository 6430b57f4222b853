"""What a detector got most wrong, to be heard and seen: short cuts of the stream as players and log-mel pictures."""

import base64
import io
from typing import NamedTuple

import librosa
import matplotlib.image
import numpy as np
import soundfile
from jaxtyping import Float, Int16

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.evaluate.curves import Trial
from s3rl_jax.evaluate.stream import Part, Stream

MOST = 6  # of each kind in a condition
HEARD = ("clean", "playback", "snr_5")  # conditions of which cuts are kept
BEFORE_SECONDS, AFTER_SECONDS = 2.0, 0.5  # around the hop of a false accept
AROUND_SECONDS = 0.4  # before and after a word
LONGEST_SECONDS = 4.0


class Cut(NamedTuple):
    """A few seconds of a stream.

    Attributes:
      condition: in which it was heard.
      missed: whether it is a word that was missed; else a false accept.
      part: the recording.
      score: its highest smoothed posterior.
      at: seconds into the stream.
      audio: what was heard.
    """

    condition: str
    missed: bool
    part: Part
    score: float
    at: float
    audio: Int16[np.ndarray, "samples"]


class Listening:
    """Collects the worst cuts while the conditions are heard, so that no stream has to be kept."""

    def __init__(self):
        self.cuts: list[Cut] = []

    def keep(self, condition: str, stream: Stream, trial: Trial, result: dict) -> None:
        """Keeps the words with the lowest scores that are missed, and the false accepts with the highest scores.

        Args:
          condition: its name; only some are kept.
          stream: what was heard.
          trial: how it was scored.
          result: `figures` of it: the operating points are those of `breakdown_at_fa_per_hour`.
        """
        if condition not in HEARD:
            return
        threshold = result["threshold"][result["breakdown_at_fa_per_hour"]]
        words = sorted(zip(trial.peaks.tolist(), range(len(trial.peaks)), stream.words, strict=True))
        around = int(AROUND_SECONDS * SAMPLE_RATE)
        for peak, _, part in [word for word in words if word[0] < threshold][:MOST]:
            first, last = part.speech_start - around, part.speech_stop + around
            self._cut(condition, True, part, peak, stream, first, last)
        fired = trial.false_accepts(threshold)
        for hop in fired[np.argsort(-trial.scores[fired], kind="stable")][:MOST]:
            at = (hop + 1) * trial.hop_seconds
            first, last = (int((at + s) * SAMPLE_RATE) for s in (-BEFORE_SECONDS, AFTER_SECONDS))
            self._cut(condition, False, stream.part_at(at), float(trial.scores[hop]), stream, first, last)

    def _cut(self, condition, missed, part, score, stream, first, last):
        first = max(first, 0)
        audio = stream.audio[first : min(last, first + int(LONGEST_SECONDS * SAMPLE_RATE))]
        self.cuts.append(Cut(condition, missed, part, score, first / SAMPLE_RATE, audio))


def player(audio: Int16[np.ndarray, "samples"]) -> str:
    """A WAV as a data address."""
    file = io.BytesIO()
    soundfile.write(file, audio, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return f"data:audio/wav;base64,{base64.b64encode(file.getvalue()).decode()}"


def picture(audio: Int16[np.ndarray, "samples"]) -> str:
    """Its log-mel energies as a PNG data address, low bands at the bottom."""
    mel = librosa.feature.melspectrogram(y=audio / 32768, sr=SAMPLE_RATE, n_fft=512, win_length=400, hop_length=160, n_mels=64)
    shown: Float[np.ndarray, "bands frames"] = librosa.power_to_db(mel, ref=np.max, top_db=70)[::-1]
    file = io.BytesIO()
    matplotlib.image.imsave(file, shown, cmap="magma", format="png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
