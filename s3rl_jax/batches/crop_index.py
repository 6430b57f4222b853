"""Numbers the crops of all recordings 0, 1, 2 ... A crop is drawn by its number, so a long recording is drawn more often."""

import dataclasses

import numpy as np
from jaxtyping import Int


@dataclasses.dataclass(frozen=True)
class CropIndex:
    """The crops of one recording after those of another. It takes 16 bytes for each recording, whatever its crops.

    Attributes:
      recordings: rows of the corpus.
      ends: number of crops in all recordings up to and including each one.
    """

    recordings: Int[np.ndarray, "recordings"]
    ends: Int[np.ndarray, "recordings"]

    @classmethod
    def of(cls, recordings: Int[np.ndarray, "recordings"], counts: Int[np.ndarray, "recordings"]) -> "CropIndex":
        """Creates the index of recordings with `counts` crops each."""
        return cls(recordings, np.cumsum(counts))

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def locate(self, numbers: Int[np.ndarray, "n"]) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """Maps numbers of crops to recordings.

        Returns:
          The row of each crop's recording, and the crop's index within the recording.
        """
        index = np.searchsorted(self.ends, numbers, side="right")
        earlier = np.where(index > 0, self.ends[index - 1], 0)
        return self.recordings[index], numbers - earlier
