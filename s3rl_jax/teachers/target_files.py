"""The files of cached targets: .npy arrays with a row for each frame, which are memory-mapped."""

import dataclasses
import functools
from pathlib import Path

import ml_dtypes
import numpy as np
from jaxtyping import Int, Int16, Shaped, UInt16

from s3rl_jax.core.durable import durably


@dataclasses.dataclass(frozen=True)
class TargetFiles:
    """The files of a cache.

    Attributes:
      folder: folder of the cache.
      names: names of the arrays: `hidden`, `index`.
    """

    folder: Path
    names: tuple[str, ...]

    def path(self, file: int, name: str) -> Path:
        return self.folder / f"{name}-{file:06}.npy"

    def complete(self, file: int) -> bool:
        return all(self.path(file, name).is_file() for name in self.names)

    def rows(
        self,
        name: str,
        file: Int[np.ndarray, "crops"],
        first: Int[np.ndarray, "crops"],
        count: Int[np.ndarray, "crops"],
        frames: int,
    ) -> Shaped[np.ndarray, "crops frames ..."]:
        """Reads the rows of one array for each crop: `count` rows from `first` on, then zeros up to `frames` rows.

        Args:
          name: name of the array.
          file: number of each crop's file.
          first: first row of each crop.
          count: rows of each crop.
          frames: rows of the result.

        Returns:
          int32 for `index`, bfloat16 for `hidden`.
        """
        arrays = [self.open(number, name) for number in file.tolist()]
        rows = np.zeros((len(arrays), frames, *arrays[0].shape[1:]), arrays[0].dtype)
        for crop, (array, begin, length) in enumerate(zip(arrays, first.tolist(), count.tolist(), strict=True)):
            rows[crop, :length] = array[begin : begin + length]
        return rows.astype(np.int32) if name == "index" else rows

    def open(self, file: int, name: str) -> Shaped[np.ndarray, "frames ..."]:
        """The rows of a file, memory-mapped: int16 for `index`, bfloat16 for `hidden`."""
        return _memory_map(self, file, name)

    def write(self, file: int, name: str, rows: Shaped[np.ndarray, "frames ..."]) -> None:
        with durably(self.path(file, name), "wb") as stream:
            np.save(stream, rows, allow_pickle=False)


def packed(name: str, rows: Shaped[np.ndarray, "rows ..."]) -> Int16[np.ndarray, "rows ..."] | UInt16[np.ndarray, "rows ..."]:
    """Converts to the dtype of the files: code indices to int16, hidden states to bfloat16, whose bits stand in uint16.

    A .npy file cannot hold bfloat16 itself.
    """
    return rows.astype(np.int16) if name == "index" else rows.astype(ml_dtypes.bfloat16).view(np.uint16)


@functools.lru_cache(maxsize=4096)
def _memory_map(files: TargetFiles, file: int, name: str) -> Shaped[np.ndarray, "frames ..."]:
    # Not as np.memmap, whose slices take ten times as long as those of an array.
    rows = np.asarray(np.load(files.path(file, name), mmap_mode="r", allow_pickle=False))
    return rows if name == "index" else rows.view(ml_dtypes.bfloat16)
