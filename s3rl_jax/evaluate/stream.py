"""A test split as one long recording: clips of the keyword, other speech and noise, at known times."""

import bisect
import dataclasses
import functools

import numpy as np
from jaxtyping import Int16

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import speech_classes

SEED = 20230820  # seed of the order and of mixed-in sound; it is fixed, so that all detectors are measured on one stream
GAP_SECONDS = (0.3, 1.0)  # silence before each clip, least and most
MOST_AT_ONCE = 16  # the most clips that overlap at one time
PLAYBACK = "playback"  # `condition` of recordings that a loudspeaker played and a microphone recorded again


@dataclasses.dataclass(frozen=True)
class PlacedClip:
    """A recording and its position in the stream, in samples; `speech_start` and `speech_stop` are its speech bounds.

    Texts that the corpus does not have are empty.
    """

    id: str
    kind: str
    label: str
    speaker: str
    positive: bool  # whether it is a recording of a keyword
    start: int
    stop: int
    speech_start: int
    speech_stop: int
    source: str = ""
    lang: str = ""
    sex: str = ""
    age: str = ""
    accent: str = ""


@dataclasses.dataclass(frozen=True)
class Stream:
    """Audio and the position of each clip in it.

    Attributes:
      audio: samples at 16 kHz.
      clips: the clips in the order of their beginnings.
      noises: first sample and label of each stretch of background noise, in order; empty without noise.
    """

    audio: Int16[np.ndarray, "samples"]
    clips: tuple[PlacedClip, ...]
    noises: tuple[tuple[int, str], ...] = ()

    @property
    def seconds(self) -> float:
        """Length of the stream."""
        return len(self.audio) / SAMPLE_RATE

    @property
    def words(self) -> list[PlacedClip]:
        """The recordings of a keyword."""
        return [clip for clip in self.clips if clip.positive]

    @property
    def speakers(self) -> list[str]:
        """Speaker of each word. A word without a speaker gets its own name."""
        return [clip.speaker or clip.id for clip in self.words]

    def clip_at(self, seconds: float) -> PlacedClip:
        """The clip at a time: if several overlap, the one that began last; in a gap, the last one before it."""
        position = int(seconds * SAMPLE_RATE)
        begun = self.clips[: max(1, bisect.bisect_right(self._starts, position))]
        return next((clip for clip in reversed(begun[-MOST_AT_ONCE:]) if position < clip.stop), begun[-1])

    @functools.cached_property
    def _starts(self) -> list[int]:
        return [clip.start for clip in self.clips]

    def noise_at(self, seconds: float) -> str:
        """Label of the background noise at a time; empty without noise."""
        starts = [start for start, _ in self.noises]
        return self.noises[max(0, bisect.bisect_right(starts, int(seconds * SAMPLE_RATE)) - 1)][1] if starts else ""


def build_stream(clips: Clips, keywords: tuple[str, ...], seed: int = SEED, playback: bool = False) -> Stream:
    """Joins all speech and noise recordings of a split, each once, in random order, with gaps of silence.

    Recordings whose label holds a keyword among other words, at an unknown time, are left out.

    Args:
      clips: recordings of the split.
      keywords: the keywords in lower case.
      seed: seed of the order and the gaps.
      playback: whether to use the recordings whose `condition` is playback; otherwise all others are used.

    Raises:
      UserError: if there is no recording of a keyword, or nothing else.
    """
    rng = np.random.default_rng((seed, 0))
    kind = clips.columns["kind"]
    classes = speech_classes(clips, keywords)
    usable = (kind != "impulse_response") & ((clips.columns["condition"] == PLAYBACK) == playback) & (classes >= 0)
    if not (classes[usable] > 0).any():
        raise UserError(f"--corpus: no recording of {', '.join(keywords)} in this split; nothing to measure rejects with")
    if not (classes[usable] == 0).any():
        raise UserError("--corpus: nothing but the keyword in this split; nothing to measure false accepts with")
    pieces, placed, position = [], [], 0
    for row in rng.permutation(clips.rows(usable)):
        audio = clips.audio(row)
        gap = int(rng.uniform(*GAP_SECONDS) * SAMPLE_RATE)
        pieces += [np.zeros(gap, np.int16), audio]
        placed.append(place_clip(clips, row, bool(classes[row] > 0), position + gap))
        position = placed[-1].stop
    # A second of silence, so that the last word can be detected after its end.
    pieces.append(np.zeros(SAMPLE_RATE, np.int16))
    return Stream(np.concatenate(pieces), tuple(placed))


def place_clip(clips: Clips, row: int | np.integer, positive: bool, start: int) -> PlacedClip:
    """Creates the clip for a recording of the corpus whose first sample is `start` in the stream."""
    columns = clips.columns
    names = ("id", "kind", "label", "speaker", "source", "lang", "sex", "age", "accent")
    return PlacedClip(
        **{name: str(columns[name][row]) for name in names},
        positive=positive,
        start=start,
        stop=start + int(columns["samples"][row]),
        speech_start=start + int(columns["speech_start"][row]),
        speech_stop=start + int(columns["speech_end"][row]),
    )
