"""Batches of crops of unlabelled speech, for pre-training and distillation."""

import dataclasses

import numpy as np
from jaxtyping import Int

from s3rl_jax.batches.mixture import Mixture, corpus_weights
from s3rl_jax.batches.order import uniforms
from s3rl_jax.batches.segments import Segments
from s3rl_jax.batches.splice_plan import Splices, carry_out
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips


@dataclasses.dataclass(frozen=True)
class Crops:
    """`plan(step, rows)` and `batch(step, rows)` are pure functions: the rows of the global batch that one host needs.

    A recording stands in the epoch once for each crop's worth of its length. A recording shorter than the crop is
    padded at its end.

    Crops are anywhere in their recording, new in each epoch; or, `fixed`, on a grid that covers it, the same in each
    epoch, so that what a teacher says of them can be kept.
    """

    clips: Clips
    samples: int
    batch_size: int
    seed: int
    fixed: bool
    pools: Segments  # those of each corpus stand together
    bounds: tuple[int, ...]  # where the segments of each corpus begin, and the end
    mixture: Mixture  # of corpora

    @classmethod
    def of(
        cls, clips: Clips, samples: int, batch_size: int, seed: int, shortest: int, settings, fixed: bool = False
    ) -> "Crops":
        """Takes the speech recordings of at least `shortest` samples; `settings` is `config.data.mixture`.

        Raises:
          UserError: if there are none, or for a mixture that cannot be.
        """
        length = clips.columns["samples"]
        usable = clips.rows((clips.columns["kind"] == "speech") & (length >= shortest))
        if not len(usable):
            raise UserError("config.data.corpus: no speech recordings long enough to crop; prepare a corpus with some")
        # A grid covers the whole recording, its last two crops overlapping; anywhere, whole crops' worths are enough.
        counts = -(-length[usable] // samples) if fixed else np.maximum(1, length[usable] // samples)
        held = np.bincount(clips.columns["corpus"][usable], counts, minlength=clips.corpora).astype(int)
        weights = corpus_weights(settings, held)
        bounds = tuple(np.concatenate([[0], np.cumsum(held)]).tolist())
        pools = Segments.of(usable, counts)
        return cls(clips, samples, batch_size, seed, fixed, pools, bounds, Mixture.of(weights.tolist(), seed))

    def __len__(self) -> int:
        """Segments of an epoch."""
        return len(self.pools)

    def segments(self, step: int, rows: range) -> Int[np.ndarray, "rows"]:
        """Which segments of the epoch stand in those rows of a step's batch."""
        positions = step * self.batch_size + np.arange(rows.start, rows.stop)
        corpus, segment = self.mixture.records_at(positions, np.diff(self.bounds).tolist())
        return np.array(self.bounds)[corpus] + segment

    def plan(self, step: int, rows: range) -> dict:
        """`splices` and `length` int32 [rows]."""
        chosen = self.segments(step, rows)
        if self.fixed:
            return self.grid(chosen)
        drawn = uniforms(self.seed, step, self.batch_size, rows, 1)[:, 0]
        return self._plan(chosen, lambda spare, place: (drawn * (spare + 1)).astype(np.int64))

    def grid(self, segments: Int[np.ndarray, "rows"]) -> dict:
        """As `plan`, of segments of the grid."""
        return self._plan(segments, lambda spare, place: np.minimum(place * self.samples, spare))

    def _plan(self, segments, start_of):
        recording, place = self.pools.find(segments)
        length = self.clips.columns["samples"][recording]
        start = start_of(np.maximum(length - self.samples, 0), place)
        count = np.minimum(length - start, self.samples)
        pieces = (piece[:, None] for piece in (recording, start, np.zeros_like(start), count))
        return {"splices": Splices(*pieces), "length": count.astype(np.int32)}

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """`audio` int16 [rows, samples] and `length` int32 [rows], read from disk."""
        return carry_out(self.clips, self.plan(step, rows), self.samples)

    def cut(self, segments: Int[np.ndarray, "rows"]) -> dict[str, np.ndarray]:
        """As `batch`, of segments of the grid."""
        return carry_out(self.clips, self.grid(segments), self.samples)
