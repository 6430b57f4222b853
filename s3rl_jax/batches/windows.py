"""Labelled windows for fine-tuning, as a device meets them: the word at any position, other sound around it."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from s3rl_jax.batches.order import uniforms
from s3rl_jax.batches.plan import Pieces, Plan, read_plan
from s3rl_jax.batches.window_pools import WindowPools, sort_recordings
from s3rl_jax.batches.word_bounds import word_bounds
from s3rl_jax.batches.word_lengths import LONGEST_WORD
from s3rl_jax.corpus.corpus import Clips

SHORTEST_WORD = 0.3  # share of the window


@dataclasses.dataclass(frozen=True)
class Windows:
    """Batches of labelled windows; `plan(step, rows)` and `batch(step, rows)` are pure functions.

    `rows` are the rows of the global batch that one host needs.

    Recordings of positives and negatives differ in length, format and silence. So that the word alone distinguishes them,
    both are cut by one rule. A stretch of the recording (of a positive, the word; of a negative, any stretch as long as
    words are) is placed at random in the window. The rest of the window is filled with the rest of the recording; beyond
    its ends, with silence or another negative recording, by the same probability for both.

    Attributes:
      clips: the corpora.
      samples: samples of an example: the lead and the window.
      lead: samples before the window; the word is inside the window.
      batch_size: rows of the global batch.
      seed: seed of all choices.
      context_probability: probability that another negative recording fills a gap.
      pools: the recordings by class.
      words: first sample of each positive's word, and one past its last.
    """

    clips: Clips
    samples: int
    lead: int
    batch_size: int
    seed: int
    context_probability: float
    pools: WindowPools
    words: Int[np.ndarray, "recordings 2"]

    @classmethod
    def of(
        cls,
        clips: Clips,
        keywords: tuple[str, ...],
        samples: int,
        batch_size: int,
        seed: int,
        settings: ConfigDict,
        lead: int = 0,
    ) -> "Windows":
        """Sorts the recordings of a training split.

        Args:
          clips: the training split.
          keywords: the keywords, in lower case.
          samples: samples of an example: the lead and the window.
          batch_size: rows of the global batch.
          seed: seed of all choices.
          settings: `config.data`.
          lead: samples before the window.

        Raises:
          UserError: as `sort_recordings`.
        """
        pools = sort_recordings(clips, keywords, samples, seed, settings)
        words = word_bounds(clips, pools.classes > 0, int(LONGEST_WORD * (samples - lead)))
        return cls(clips, samples, lead, batch_size, seed, settings.context_probability, pools, words)

    @property
    def window(self) -> int:
        """Samples of the window, which ends an example."""
        return self.samples - self.lead

    def plan(self, step: int, rows: range) -> Plan:
        """Plans rows of a step's batch: `pieces`, `length` int32 [rows] and `label` int32 [rows]."""
        recording = self.pools.recordings_at(step * self.batch_size + np.arange(rows.start, rows.stop))
        size, place, shift, before, fill_before, after, fill_after = uniforms(self.seed, step, self.batch_size, rows, 7).T
        length = self.clips.columns["samples"][recording]
        start, stop = self._stretches(recording, length, size, place)
        # The sample of the recording at which the example begins; it may be negative.
        first = start - self.lead - _integers(shift, self.window - (stop - start))
        low, high = np.maximum(first, 0), np.minimum(first + self.samples, length)
        pieces = [
            (recording, low, low - first, high - low),
            self._end_of_negative(before, fill_before, gap=low - first),
            self._beginning_of_negative(after, fill_after, at=high - first),
        ]
        return {
            "pieces": Pieces(*(np.stack(columns, axis=1) for columns in zip(*pieces, strict=True))),
            "length": np.full(len(rows), self.samples, np.int32),
            "label": self.pools.labels[recording].astype(np.int32),
        }

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """Reads rows of a step's batch from disk: `audio` int16 [rows, samples], `length` and `label` int32 [rows]."""
        return read_plan(self.clips, self.plan(step, rows), self.samples)

    def _stretches(
        self,
        recording: Int[np.ndarray, "rows"],
        length: Int[np.ndarray, "rows"],
        size: Float[np.ndarray, "rows"],
        place: Float[np.ndarray, "rows"],
    ) -> Int[np.ndarray, "2 rows"]:
        """Begin and end of the stretch that must be inside the window: the word, or a random stretch of a negative.

        `size` and `place` are uniform in [0, 1), and decide length and position of the random stretch.
        """
        share = SHORTEST_WORD + (LONGEST_WORD - SHORTEST_WORD) * size
        count = np.minimum(length, (share * self.window).astype(np.int64))
        start = _integers(place, length - count)
        return np.where(self.pools.classes[recording] > 0, self.words[recording].T, [start, start + count])

    def _end_of_negative(self, other, fill, gap):
        """A piece for the gap before the recording: the end of a random negative."""
        other, samples, count = self._negative(other, fill, gap)
        return other, samples - count, gap - count, count

    def _beginning_of_negative(self, other, fill, at):
        """A piece for the gap after the recording, from sample `at` on: the beginning of a random negative."""
        other, samples, count = self._negative(other, fill, self.samples - at)
        return other, np.zeros_like(samples), at, count

    def _negative(self, other, fill, gap):
        """Draws a negative recording for a gap.

        Returns:
          The recording, its samples, and how many of them fill the gap: 0 if the gap stays silent.
        """
        recording, _ = self.pools.negatives.locate(_integers(other, len(self.pools.negatives) - 1))
        samples = self.clips.columns["samples"][recording]
        return recording, samples, np.where(fill < self.context_probability, np.minimum(gap, samples), 0)


def _integers(drawn: Float[np.ndarray, "n"], most: Int[np.ndarray, "n"] | int) -> Int[np.ndarray, "n"]:
    """Converts uniform numbers in [0, 1) to uniform integers from 0 to `most`."""
    return (drawn * (most + 1)).astype(np.int64)
