"""Stretches: the parts of recordings over which a teacher runs at once, and the position of their frames in files."""

import dataclasses

import numpy as np
from jaxtyping import Int

from s3rl_jax.audio.logmel import STACKED_HOP
from s3rl_jax.batches.plan import Pieces
from s3rl_jax.models.teacher.family import TeacherConfig
from s3rl_jax.models.teacher.targets import common_frame_count

STRETCH_SAMPLES = 30 * 16_000  # samples of the longest stretch: 30 s, on which Whisper was trained


@dataclasses.dataclass(frozen=True)
class Stretches:
    """The stretches of all recordings that have crops, recording after recording.

    A recording of up to `STRETCH_SAMPLES` is one stretch; a longer one is divided evenly. A crop lies in one stretch.

    Attributes:
      recording: row of each stretch's recording in the corpus.
      start: first sample of each stretch in its recording; a multiple of 320 samples, one frame.
      samples: samples of each stretch.
      frames: frames of each stretch that both teacher and student have.
      first: number of each recording's first stretch, by row of the corpus.
      divided: samples from one stretch of a recording to the next, by row of the corpus.
      file: number of the file that holds each stretch.
      row: row of each stretch's first frame in its file.
    """

    recording: Int[np.ndarray, "stretches"]
    start: Int[np.ndarray, "stretches"]
    samples: Int[np.ndarray, "stretches"]
    frames: Int[np.ndarray, "stretches"]
    first: Int[np.ndarray, "recordings"]
    divided: Int[np.ndarray, "recordings"]
    file: Int[np.ndarray, "stretches"]
    row: Int[np.ndarray, "stretches"]

    @classmethod
    def of(
        cls, length: Int[np.ndarray, "recordings"], cropped: Int[np.ndarray, "n"], teacher: TeacherConfig, file_frames: int
    ) -> "Stretches":
        """Divides recordings into stretches, and stretches into files.

        Args:
          length: samples of each recording of the corpus.
          cropped: rows of the recordings that have crops.
          teacher: sizes of the teacher.
          file_frames: approximate number of frames in a file: file n holds the stretches that begin at frames
            n * file_frames to (n + 1) * file_frames - 1 of the corpus.
        """
        length = length.astype(np.int64)
        parts = -(-length[cropped] // STRETCH_SAMPLES)
        first, divided = np.zeros_like(length), np.ones_like(length)
        first[cropped] = np.cumsum(parts) - parts
        divided[cropped] = -(-length[cropped] // (parts * STACKED_HOP)) * STACKED_HOP
        recording = np.repeat(cropped, parts)
        start = (np.arange(len(recording)) - first[recording]) * divided[recording]
        samples = np.minimum(divided[recording], length[recording] - start)
        frames = np.asarray(common_frame_count(teacher, samples), np.int64)
        before = np.cumsum(frames) - frames
        # With this, no stretch has more frames than a file, so no file stays empty.
        file = before // max(file_frames, int(frames.max()))
        row = before - before[np.searchsorted(file, file)]
        return cls(recording, start, samples, frames, first, divided, file, row)

    @property
    def files(self) -> int:
        return int(self.file[-1]) + 1

    def snapped(self, pieces: Pieces, samples: int) -> tuple[Pieces, Int[np.ndarray, "crops"], Int[np.ndarray, "crops"]]:
        """Moves crops so that each lies in one stretch and begins at a frame.

        Args:
          pieces: pieces of the crops, one for each crop.
          samples: samples of a crop.

        Returns:
          The moved pieces; the stretch of each crop; the frame of the stretch at which the crop begins.
        """
        recording, begin = pieces.recording[:, 0], pieces.start[:, 0]
        stretch = self.first[recording] + begin // self.divided[recording]
        last = np.maximum(self.samples[stretch] - samples, 0)
        frame = np.minimum(begin - self.start[stretch], last) // STACKED_HOP
        start = frame * STACKED_HOP
        count = np.minimum(self.samples[stretch] - start, samples)
        columns = (recording, self.start[stretch] + start, np.zeros_like(start), count)
        return Pieces(*(column[:, None] for column in columns)), stretch, frame
