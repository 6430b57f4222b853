"""A corpus on the accelerator, as one int16 array. The compiled step cuts examples out of it."""

import dataclasses

import numpy as np
from jaxtyping import Array, Int, Int16

from s3rl_jax.audio.splicing import splice
from s3rl_jax.batches.plan import Plan
from s3rl_jax.core.progress import Progress
from s3rl_jax.corpus.corpus import Clips

ALIGNMENT = 64  # bytes; JAX takes an array at such an address as a CPU's own, any other one it copies
ROW_SAMPLES = 1 << 22  # keeps indices of rows and of columns far below 2^31, the limit of int32


@dataclasses.dataclass(frozen=True)
class Resident:
    """An array whose rows hold the recordings one after the other, each within one row, with silence at both ends of a row.

    A plan names recordings. `locate` replaces them by indices of the array, on the host; `cut` cuts the examples out, on the
    accelerator.

    Attributes:
      audio: all recordings.
      row: row of each recording.
      column: column of each recording's first sample.
      samples: samples of an example.
    """

    audio: Int16[np.ndarray, "rows width"]
    row: Int[np.ndarray, "recordings"]
    column: Int[np.ndarray, "recordings"]
    samples: int

    @classmethod
    def of(cls, clips: Clips, samples: int, row_samples: int = ROW_SAMPLES) -> "Resident":
        """Reads the whole corpus into rows of `row_samples` samples, or of the longest recording if that is longer."""
        length = clips.columns["samples"]
        width = max(min(row_samples, int(length.sum())), int(length.max()))
        row, column = _places(length, width)
        audio = _aligned_zeros(int(row[-1]) + 1, width + 2 * samples)
        with Progress(len(clips), "recordings", "reading the corpus") as progress:
            for clip in range(len(clips)):
                first = samples + column[clip]
                audio[row[clip], first : first + length[clip]] = clips.audio(clip)
                progress.advance(1)
        return cls(audio, row, column + samples, samples)

    def locate(self, plan: Plan) -> dict[str, np.ndarray]:
        """Replaces the `pieces` of a plan by `row`, `column`, `at` and `count`, int32 [examples, pieces]."""
        recording, start, at, count = plan["pieces"]
        places = {"row": self.row[recording], "column": self.column[recording] + start, "at": at, "count": count}
        return {name: place.astype(np.int32) for name, place in places.items()} | {
            name: value for name, value in plan.items() if name != "pieces"
        }

    def cut(self, audio: Int16[Array, "rows width"], located: dict[str, Array]) -> dict[str, Array]:
        """Cuts out the batch of a located plan, inside a compiled function.

        Args:
          audio: `self.audio`, on the accelerator.
          located: the result of `locate`.

        Returns:
          `audio` int16 [examples, samples], and the plan's other entries.
        """
        places = {name: located[name] for name in ("row", "column", "at", "count")}
        rest = {name: value for name, value in located.items() if name not in places}
        return {"audio": splice(audio, **places, samples=self.samples), **rest}


def _aligned_zeros(rows: int, width: int) -> Int16[np.ndarray, "rows width"]:
    """Silence at an address that spares a CPU a second copy of the corpus."""
    memory = np.zeros(2 * rows * width + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + 2 * rows * width].view(np.int16).reshape(rows, width)


def _places(
    length: Int[np.ndarray, "recordings"], width: int
) -> tuple[Int[np.ndarray, "recordings"], Int[np.ndarray, "recordings"]]:
    """Row and column of each recording: one after the other, in the next row where one does not fit."""
    row, column = np.zeros(len(length), np.int64), np.zeros(len(length), np.int64)
    current, free = 0, 0
    for clip, samples in enumerate(length.tolist()):
        if free + samples > width:
            current, free = current + 1, 0
        row[clip], column[clip] = current, free
        free += samples
    return row, column
