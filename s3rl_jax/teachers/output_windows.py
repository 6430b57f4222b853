"""Labelled windows of a student's cached outputs: those of `Windows`, moved to whole frames."""

import dataclasses

import ml_dtypes
import numpy as np

from s3rl_jax.batches.windows import Windows
from s3rl_jax.models.detector import FRAME
from s3rl_jax.teachers.encoder_outputs import HIDDEN, EncoderOutputs


@dataclasses.dataclass(frozen=True)
class OutputWindows:
    """Batches of windows; `batch(step, rows)` is a pure function.

    Where two recordings meet in a window, the student has not heard the one before: its outputs are those that it has after
    silence. Frames that no recording fills are the student's outputs in silence.

    Attributes:
      windows: the windows, in samples.
      outputs: the student's outputs at the frames of the corpus.
    """

    windows: Windows
    outputs: EncoderOutputs

    @property
    def samples(self) -> int:
        return self.windows.samples

    def plan(self, step: int, rows: range) -> dict:
        """Plans rows of a step's batch as `Windows.plan` does."""
        return self.windows.plan(step, rows)

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """Reads rows of a step's batch: `hidden` bfloat16 [rows, frames, width] and `label` int32 [rows]."""
        plan = self.plan(step, rows)
        frames, outputs = self.samples // FRAME, self.outputs
        hidden = np.tile(outputs.silence.astype(ml_dtypes.bfloat16), (len(rows), frames, 1))
        copies = np.random.default_rng((self.windows.seed, step, 1)).integers(outputs.copies, size=self.windows.batch_size)
        recording, start, at, count = plan["pieces"]
        first, source = at // FRAME, start // FRAME
        count = np.clip(np.minimum((at + count) // FRAME - first, outputs.frames[recording] - source), 0, frames - first)
        file = copies[rows.start : rows.stop, None] * outputs.files_a_copy + outputs.file[recording]
        row, piece = np.nonzero(count)
        columns = (file, outputs.row[recording] + source, first, count)
        parts = zip(row.tolist(), *(column[row, piece].tolist() for column in columns), strict=True)
        for example, number, read, begin, length in parts:
            hidden[example, begin : begin + length] = outputs.files.open(number, HIDDEN)[read : read + length]
        return {"hidden": hidden, "label": plan["label"]}
