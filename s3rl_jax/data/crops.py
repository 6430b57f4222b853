"""Batches of crops of unlabelled speech, for pre-training and distillation."""

import dataclasses

import numpy as np

from s3rl_jax.data.corpus import Clips
from s3rl_jax.data.order import example_rng, records_at
from s3rl_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Crops:
    """`batch(step, rows)` is a pure function: the rows of the global batch that one host needs.

    A recording stands in the epoch once for each crop's worth of its length, so that a minute counts the same in short
    recordings and in long ones. A recording shorter than the crop is padded at its end.

    Crops are anywhere in their recording, new in each epoch; or, `fixed`, on a grid that covers it, the same in each
    epoch, so that what a teacher says of them can be kept.
    """

    clips: Clips
    samples: int
    batch_size: int
    seed: int
    fixed: bool
    recordings: np.ndarray  # for each segment of the epoch, its row of `clips`
    places: np.ndarray  # and which of its recording's segments it is

    @classmethod
    def of(cls, clips: Clips, samples: int, batch_size: int, seed: int, shortest: int, fixed: bool = False) -> "Crops":
        """Takes the speech recordings of at least `shortest` samples.

        Raises:
          UserError: if there are none.
        """
        length = clips.columns["samples"]
        usable = clips.rows((clips.columns["kind"] == "speech") & (length >= shortest))
        if not len(usable):
            raise UserError("config.data.corpus: no speech recordings long enough to crop; prepare a corpus with some")
        # A grid covers the whole recording, its last two crops overlapping; anywhere, whole crops' worths are enough.
        counts = -(-length[usable] // samples) if fixed else np.maximum(1, length[usable] // samples)
        places = np.concatenate([np.arange(count) for count in counts])
        return cls(clips, samples, batch_size, seed, fixed, np.repeat(usable, counts), places)

    def __len__(self) -> int:
        """Segments of an epoch."""
        return len(self.recordings)

    def segments(self, step: int, rows: range) -> np.ndarray:
        """Which segments of the epoch stand in those rows of a step's batch."""
        return records_at(self.seed, step * self.batch_size + np.arange(rows.start, rows.stop), len(self))

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """`audio` int16 [rows, samples] and `length` int32 [rows]."""
        chosen = self.segments(step, rows)
        if self.fixed:
            return self.cut(chosen)
        return self._cut(chosen, lambda i, spare: int(example_rng(self.seed, step, rows[i]).integers(spare + 1)))

    def cut(self, segments: np.ndarray) -> dict[str, np.ndarray]:
        """`audio` and `length` of segments of the grid."""
        return self._cut(segments, lambda i, spare: min(int(self.places[segments[i]]) * self.samples, spare))

    def _cut(self, segments, start_of):
        audio = np.zeros((len(segments), self.samples), np.int16)
        length = np.zeros(len(segments), np.int32)
        for i, segment in enumerate(segments):
            recording = self.clips.audio(self.recordings[segment])
            spare = len(recording) - self.samples
            start = start_of(i, spare) if spare > 0 else 0
            cut = recording[start : start + self.samples]
            audio[i, : len(cut)], length[i] = cut, len(cut)
        return {"audio": audio, "length": length}
