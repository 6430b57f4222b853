"""Recordings as equal shares of audio, so that a minute counts the same in short recordings and in long ones."""

import dataclasses

import numpy as np
from jaxtyping import Int


@dataclasses.dataclass(frozen=True)
class Segments:
    """Segment 0, 1, 2 ... of all recordings, one after the other. Takes 16 bytes a recording, not a segment."""

    recordings: Int[np.ndarray, "recordings"]  # rows of the corpus
    ends: Int[np.ndarray, "recordings"]  # how many segments there are up to and with each recording

    @classmethod
    def of(cls, recordings: Int[np.ndarray, "recordings"], counts: Int[np.ndarray, "recordings"]) -> "Segments":
        return cls(recordings, np.cumsum(counts))

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def find(self, segments: Int[np.ndarray, "n"]) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """The recording of each segment, and which of its recording's segments it is."""
        which = np.searchsorted(self.ends, segments, side="right")
        before = np.where(which > 0, self.ends[which - 1], 0)
        return self.recordings[which], segments - before
