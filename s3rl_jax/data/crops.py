"""Batches of random crops of unlabelled speech, for pre-training and distillation."""

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
    """

    clips: Clips
    samples: int
    batch_size: int
    seed: int
    segments: np.ndarray  # row of `clips` for each crop's worth of audio

    @classmethod
    def of(cls, clips: Clips, samples: int, batch_size: int, seed: int, shortest: int) -> "Crops":
        """Takes the speech recordings of at least `shortest` samples.

        Raises:
          UserError: if there are none.
        """
        length = clips.columns["samples"]
        usable = clips.rows((clips.columns["kind"] == "speech") & (length >= shortest))
        if not len(usable):
            raise UserError("config.data.corpus: no speech recordings long enough to crop; prepare a corpus with some")
        return cls(clips, samples, batch_size, seed, np.repeat(usable, np.maximum(1, length[usable] // samples)))

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """`audio` int16 [rows, samples] and `length` int32 [rows]."""
        chosen = self.segments[
            records_at(self.seed, step * self.batch_size + np.arange(rows.start, rows.stop), len(self.segments))
        ]
        audio = np.zeros((len(rows), self.samples), np.int16)
        length = np.zeros(len(rows), np.int32)
        for i, (row, clip) in enumerate(zip(rows, chosen, strict=True)):
            recording = self.clips.audio(clip)
            spare = len(recording) - self.samples
            start = int(example_rng(self.seed, step, row).integers(spare + 1)) if spare > 0 else 0
            cut = recording[start : start + self.samples]
            audio[i, : len(cut)], length[i] = cut, len(cut)
        return {"audio": audio, "length": length}
