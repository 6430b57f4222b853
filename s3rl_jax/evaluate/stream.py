"""A test split as one long recording: keyword clips among all the other speech and noise, at known times."""

import bisect
import dataclasses

import numpy as np
from jaxtyping import Int16

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import keyword_labels

GAP_SECONDS = (0.3, 1.0)
PLAYBACK = "playback"  # as a manifest's `condition` says


@dataclasses.dataclass(frozen=True)
class Part:
    """One recording's place in the stream, in samples. The speech bounds are where its sound begins and ends."""

    id: str
    kind: str
    label: str
    speaker: str
    positive: bool
    start: int
    stop: int
    speech_start: int
    speech_stop: int


@dataclasses.dataclass(frozen=True)
class Stream:
    """What is heard, and where in it everything is.

    Attributes:
      audio: at 16 kHz.
      parts: the recordings, in order.
      noises: what kind of noise begins at which sample, in order; empty without noise.
    """

    audio: Int16[np.ndarray, "samples"]
    parts: tuple[Part, ...]
    noises: tuple[tuple[int, str], ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE

    @property
    def words(self) -> list[Part]:
        """The recordings of a keyword."""
        return [part for part in self.parts if part.positive]

    @property
    def speakers(self) -> list[str]:
        """Of the words; one whose speaker is not known is a speaker by itself."""
        return [part.speaker or part.id for part in self.words]

    def part_at(self, seconds: float) -> Part:
        """The recording that is heard then, or was heard last."""
        starts = [part.start for part in self.parts]
        return self.parts[max(0, bisect.bisect_right(starts, int(seconds * SAMPLE_RATE)) - 1)]

    def noise_at(self, seconds: float) -> str:
        """The kind of noise behind it."""
        starts = [start for start, _ in self.noises]
        return self.noises[max(0, bisect.bisect_right(starts, int(seconds * SAMPLE_RATE)) - 1)][1] if starts else ""


def build_stream(clips: Clips, keywords: tuple[str, ...], seed: int, playback: bool = False) -> Stream:
    """Every speech and noise recording once, shuffled, with gaps of silence. Deterministic in the seed.

    With `playback`, those whose `condition` is playback (played by a loudspeaker and recorded again); without, all others.

    Recordings of which the keyword is only a part are left out: when in them it is said is not known.

    Raises:
      UserError: if there is no recording of a keyword, or nothing else.
    """
    rng = np.random.default_rng((seed, 0))
    kind = clips.columns["kind"]
    classes = np.where(kind == "speech", keyword_labels(clips, keywords), 0)
    heard = (kind != "impulse_response") & ((clips.columns["condition"] == PLAYBACK) == playback)
    chosen, classes = clips.rows(heard & (classes >= 0)), np.where(heard, classes, -1)
    if not (classes > 0).any():
        raise UserError(f"--corpus: no recording of {', '.join(keywords)} in this split; nothing to measure rejects with")
    if not (classes == 0).any():
        raise UserError("--corpus: nothing but the keyword in this split; nothing to measure false accepts with")
    pieces, parts, at = [], [], 0
    for row in rng.permutation(chosen):
        audio = clips.audio(row)
        gap = int(rng.uniform(*GAP_SECONDS) * SAMPLE_RATE)
        pieces += [np.zeros(gap, np.int16), audio]
        at += gap
        text = {name: str(clips.columns[name][row]) for name in ("id", "kind", "label", "speaker")}
        bounds = (at + int(clips.columns[name][row]) for name in ("speech_start", "speech_end"))
        parts.append(Part(**text, positive=bool(classes[row] > 0), start=at, stop=at + len(audio), **_named(bounds)))
        at += len(audio)
    # A second of silence, so that the last word can leave the window.
    pieces.append(np.zeros(SAMPLE_RATE, np.int16))
    return Stream(np.concatenate(pieces), tuple(parts))


def _named(bounds):
    return dict(zip(("speech_start", "speech_stop"), bounds, strict=True))
