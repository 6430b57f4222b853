"""Cuts a stream of sound at speech: a take is one utterance with some silence around it."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

SAMPLE_RATE = 16_000  # Hz
FRAME = 320  # samples, 20 ms
ROOM_FRAMES = 50  # frames that are measured before the first take: 1 s
ROOM_MEMORY = 100  # the latest frames without speech, whose median level is that of the room
ONSET_DB, END_DB = 8.0, 5.0  # speech begins this far above the room, and lasts while it is above the second level
LOWEST_DB = -58.0  # no speech is below this level, in a room without any noise
ONSET_FRAMES = 3  # loud frames in a row with which speech begins
PAUSE_FRAMES = 30  # quiet frames in a row with which it has ended
SHORTEST_FRAMES = 8  # a shorter sound is a click
LONGEST_FRAMES = 400  # a take ends after 8 s
MARGIN_FRAMES = 15  # frames before and after the speech that stay in the take
LEAST_MARGIN_FRAMES = 4  # with fewer frames before the speech, its beginning may be missing


class Take(NamedTuple):
    """One utterance.

    Attributes:
      samples: sound at 16 kHz, with silence around the speech.
      start: first sample of the speech.
      stop: one past the last sample of the speech.
      level_db: level of the speech, relative to full scale: the level that a tenth of its frames exceed.
      room_db: level of the room.
      begins_in_speech: whether the speech began with the take, or before it.
      ends_in_speech: whether the speech went on after the longest time.
    """

    samples: Float32[np.ndarray, "samples"]
    start: int
    stop: int
    level_db: float
    room_db: float
    begins_in_speech: bool
    ends_in_speech: bool


class TakeCutter:
    """Finds the utterances in a stream by their level above that of the room.

    The first second of the stream is that of the room alone: `measures_room` is true for as long.
    """

    def __init__(self) -> None:
        self._pending = np.zeros(0, np.float32)
        self._room: deque[float] = deque(maxlen=ROOM_MEMORY)
        self.begin()

    @property
    def measures_room(self) -> bool:
        """Whether the level of the room is not known yet."""
        return len(self._room) < ROOM_FRAMES

    def begin(self) -> None:
        """Begins a new take; sound before it is forgotten."""
        self._frames: list[Float32[np.ndarray, "frame"]] = []
        self._levels: list[float] = []
        self._onset: int | None = None  # number of the first frame of the speech; None before it

    def push(self, samples: Float32[np.ndarray, "samples"]) -> Take | None:
        """Takes the next samples at 16 kHz, and returns the utterance that has ended, if one has.

        Samples after the end of the utterance wait for the next call.
        """
        self._pending = np.concatenate([self._pending, samples])
        for frame in self._whole_frames():
            level = 10 * np.log10(max(float(np.square(frame).mean()), 1e-12))
            if self.measures_room:
                self._room.append(level)
            elif (take := self._step(frame, level)) is not None:
                return take
        return None

    def _whole_frames(self) -> Iterator[Float32[np.ndarray, "frame"]]:
        while len(self._pending) >= FRAME:
            frame, self._pending = self._pending[:FRAME], self._pending[FRAME:]
            yield frame

    def _step(self, frame: Float32[np.ndarray, "frame"], level: float) -> Take | None:
        self._frames.append(frame)
        self._levels.append(level)
        if self._onset is None:
            self._wait(level)
            return None
        ends_in_speech = len(self._levels) - self._onset >= LONGEST_FRAMES
        quiet = self._quiet_frames()
        if quiet < PAUSE_FRAMES and not ends_in_speech:
            return None
        take = self._take(len(self._levels) - quiet, ends_in_speech)
        if ends_in_speech:  # the room may have become louder for good
            self._room.extend(self._levels[-ROOM_MEMORY:])
        is_click = take.stop - take.start < SHORTEST_FRAMES * FRAME
        self.begin()
        return None if is_click else take

    def _wait(self, level: float) -> None:
        """Looks for the onset; keeps no more frames before it than the margin."""
        if len(self._levels) >= ONSET_FRAMES and min(self._levels[-ONSET_FRAMES:]) > self._threshold(ONSET_DB):
            self._onset = len(self._levels) - ONSET_FRAMES
            return
        if level <= self._threshold(ONSET_DB):
            self._room.append(level)
        surplus = len(self._levels) - MARGIN_FRAMES - ONSET_FRAMES
        if surplus > 0:
            del self._frames[:surplus], self._levels[:surplus]

    def _threshold(self, above_room_db: float) -> float:
        return max(self._room_db + above_room_db, LOWEST_DB)

    @property
    def _room_db(self) -> float:
        return float(np.median(self._room))

    def _quiet_frames(self) -> int:
        """Number of quiet frames since the last loud one."""
        threshold = self._threshold(END_DB)
        return next((age for age, level in enumerate(reversed(self._levels)) if level > threshold), len(self._levels))

    def _take(self, end: int, ends_in_speech: bool) -> Take:
        """Cuts out the speech up to frame `end`, with its margins."""
        onset = self._onset or 0
        first, last = max(onset - MARGIN_FRAMES, 0), min(end + MARGIN_FRAMES, len(self._frames))
        return Take(
            samples=np.concatenate(self._frames[first:last]),
            start=(onset - first) * FRAME,
            stop=(end - first) * FRAME,
            level_db=float(np.percentile(self._levels[onset:end], 90)),
            room_db=self._room_db,
            begins_in_speech=onset < LEAST_MARGIN_FRAMES,
            ends_in_speech=ends_in_speech,
        )
