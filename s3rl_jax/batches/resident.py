"""A corpus that fits is held on the accelerator as one int16 array, and examples are cut out of it inside the step."""

import dataclasses

import numpy as np
from jaxtyping import Array, Int, Int16

from s3rl_jax.audio.splicing import splice
from s3rl_jax.core.progress import Progress
from s3rl_jax.corpus.corpus import Clips

WIDTH = 1 << 22  # samples of a row, if no recording is longer: rows and columns stay far below 2^31


@dataclasses.dataclass(frozen=True)
class Resident:
    """Recordings side by side in rows, each wholly in one, with silence at both ends of a row.

    Plans refer to recordings; `located` turns that into places of the array, which is all that goes to the accelerator
    in a step.
    """

    held: Int16[np.ndarray, "rows width"]
    row: Int[np.ndarray, "recordings"]
    column: Int[np.ndarray, "recordings"]
    samples: int  # of an example

    @classmethod
    def of(cls, clips: Clips, samples: int) -> "Resident":
        """Reads the whole corpus."""
        length = clips.columns["samples"]
        width = max(WIDTH if length.sum() > WIDTH else int(length.sum()), int(length.max()))
        row, column = _places(length, width)
        held = np.zeros((row[-1] + 1, width + 2 * samples), np.int16)
        with Progress(len(clips), "recordings", "reading the corpus") as progress:
            for clip in range(len(clips)):
                first = samples + column[clip]
                held[row[clip], first : first + length[clip]] = clips.audio(clip)
                progress.advance(1)
        return cls(held, row, column + samples, samples)

    def located(self, plan: dict) -> dict[str, np.ndarray]:
        """A plan with its `splices` as places of `held`."""
        recording, start, at, count = plan["splices"]
        places = {"row": self.row[recording], "column": self.column[recording] + start, "at": at, "count": count}
        return {name: place.astype(np.int32) for name, place in places.items()} | {
            name: value for name, value in plan.items() if name != "splices"
        }

    def carry_out(self, held: Int16[Array, "rows width"], located: dict[str, Array]) -> dict[str, Array]:
        """The batch of a located plan; `held` is the array of that name, on the accelerator. To be compiled."""
        places = {name: located[name] for name in ("row", "column", "at", "count")}
        rest = {name: value for name, value in located.items() if name not in places}
        return {"audio": splice(held, **places, samples=self.samples), **rest}


def _places(length: Int[np.ndarray, "recordings"], width: int):
    """The row and column of each recording: one after the other, in the next row where one does not fit."""
    row, column = np.zeros(len(length), np.int64), np.zeros(len(length), np.int64)
    here, free = 0, 0
    for clip, samples in enumerate(length.tolist()):
        if free + samples > width:
            here, free = here + 1, 0
        row[clip], column[clip] = here, free
        free += samples
    return row, column
