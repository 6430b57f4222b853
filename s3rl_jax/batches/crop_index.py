"""Numbers the crops of many recordings 0, 1, 2 ..., so that a minute counts the same in short recordings and in long ones."""

import dataclasses

import numpy as np
from jaxtyping import Int


@dataclasses.dataclass(frozen=True)
class CropIndex:
    """The crops of one recording after those of another. Takes 16 bytes a recording, however many crops it has.

    Attributes:
      recordings: rows of the corpus.
      ends: the number of crops up to and with each recording.
    """

    recordings: Int[np.ndarray, "recordings"]
    ends: Int[np.ndarray, "recordings"]

    @classmethod
    def of(cls, recordings: Int[np.ndarray, "recordings"], counts: Int[np.ndarray, "recordings"]) -> "CropIndex":
        """Numbers `counts` crops of each recording."""
        return cls(recordings, np.cumsum(counts))

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def locate(self, numbers: Int[np.ndarray, "n"]) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """The recording of each crop, and the crop's place among those of its recording."""
        which = np.searchsorted(self.ends, numbers, side="right")
        before = np.where(which > 0, self.ends[which - 1], 0)
        return self.recordings[which], numbers - before
