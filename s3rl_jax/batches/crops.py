"""Batches of crops of unlabelled speech, for pre-training and distillation."""

import dataclasses

import numpy as np
from jaxtyping import Int
from ml_collections import ConfigDict

from s3rl_jax.batches.crop_index import CropIndex
from s3rl_jax.batches.mixture import Mixture, corpus_weights
from s3rl_jax.batches.order import uniforms
from s3rl_jax.batches.plan import Pieces, Plan, read_plan
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips


@dataclasses.dataclass(frozen=True)
class Crops:
    """Batches of crops; `plan(step, rows)` and `batch(step, rows)` are pure functions.

    `rows` are the rows of the global batch that one host needs. An epoch has a crop for each `samples` samples of a
    recording. A recording that is shorter than a crop is padded at its end.

    A crop lies at a random position in its recording, a new one in each epoch; or, if `fixed`, on a grid that covers the
    recording, the same in each epoch.

    Attributes:
      clips: the corpora.
      samples: samples of a crop.
      batch_size: rows of the global batch.
      seed: seed of the order and the positions of the crops.
      fixed: whether crops lie on a grid.
      index: all crops of an epoch, corpus after corpus.
      bounds: the number of the first crop of each corpus, then the total number of crops.
      mixture: shares of the corpora.
    """

    clips: Clips
    samples: int
    batch_size: int
    seed: int
    fixed: bool
    index: CropIndex
    bounds: tuple[int, ...]
    mixture: Mixture

    @classmethod
    def of(
        cls, clips: Clips, samples: int, batch_size: int, seed: int, shortest: int, settings: ConfigDict, fixed: bool = False
    ) -> "Crops":
        """Indexes the crops of all speech recordings of at least `shortest` samples.

        Args:
          clips: the corpora.
          samples: samples of a crop.
          batch_size: rows of the global batch.
          seed: seed of the order and the positions of the crops.
          shortest: samples below which a recording is left out.
          settings: `config.data.mixture`.
          fixed: whether crops lie on a grid.

        Raises:
          UserError: if there is no such recording, or for weights of corpora that are out of range.
        """
        length = clips.columns["samples"]
        usable = clips.rows((clips.columns["kind"] == "speech") & (length >= shortest))
        if not len(usable):
            raise UserError("config.data.corpus: no speech recordings long enough to crop; prepare a corpus with some")
        # A grid covers the whole recording: its last two crops overlap. Random crops need not cover the remainder.
        counts = -(-length[usable] // samples) if fixed else np.maximum(1, length[usable] // samples)
        amounts = np.bincount(clips.columns["corpus"][usable], counts, minlength=clips.corpora).astype(int)
        weights = corpus_weights(settings, amounts)
        bounds = tuple(np.concatenate([[0], np.cumsum(amounts)]).tolist())
        index = CropIndex.of(usable, counts)
        return cls(clips, samples, batch_size, seed, fixed, index, bounds, Mixture.of(weights.tolist(), seed))

    def __len__(self) -> int:
        """Number of crops in an epoch."""
        return len(self.index)

    def numbers(self, step: int, rows: range) -> Int[np.ndarray, "rows"]:
        """Numbers in `index` of the crops in the given rows of a step's batch."""
        positions = step * self.batch_size + np.arange(rows.start, rows.stop)
        corpus, number = self.mixture.records_at(positions, np.diff(self.bounds).tolist())
        return np.array(self.bounds)[corpus] + number

    def plan(self, step: int, rows: range) -> Plan:
        """Plans rows of a step's batch: `pieces`, one for each example, and `length` int32 [rows]."""
        numbers = self.numbers(step, rows)
        if self.fixed:
            return self.grid_plan(numbers)
        recording, _ = self.index.locate(numbers)
        drawn = uniforms(self.seed, step, self.batch_size, rows, 1)[:, 0]
        return self._plan(recording, (drawn * (self._spare(recording) + 1)).astype(np.int64))

    def grid_plan(self, numbers: Int[np.ndarray, "rows"]) -> Plan:
        """Plans a batch of the grid's crops with the given numbers."""
        recording, place = self.index.locate(numbers)
        return self._plan(recording, np.minimum(place * self.samples, self._spare(recording)))

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """Reads rows of a step's batch from disk: `audio` int16 [rows, samples] and `length` int32 [rows]."""
        return read_plan(self.clips, self.plan(step, rows), self.samples)

    def _spare(self, recording: Int[np.ndarray, "rows"]) -> Int[np.ndarray, "rows"]:
        """Last sample of each recording at which a whole crop can begin."""
        return np.maximum(self.clips.columns["samples"][recording] - self.samples, 0)

    def _plan(self, recording: Int[np.ndarray, "rows"], start: Int[np.ndarray, "rows"]) -> Plan:
        count = np.minimum(self.clips.columns["samples"][recording] - start, self.samples)
        columns = (recording, start, np.zeros_like(start), count)
        return {"pieces": Pieces(*(column[:, None] for column in columns)), "length": count.astype(np.int32)}
