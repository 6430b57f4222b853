"""Labelled windows for fine-tuning, cut as a device would meet them: the word anywhere, other sounds around it."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from s3rl_jax.batches.order import uniforms
from s3rl_jax.batches.plan import Pieces, Plan, read_plan
from s3rl_jax.batches.window_pools import WindowPools, sort_recordings
from s3rl_jax.batches.word_bounds import word_bounds
from s3rl_jax.corpus.corpus import Clips

SHORTEST_WORD, LONGEST_WORD = 0.3, 0.8  # of the window


@dataclasses.dataclass(frozen=True)
class Windows:
    """Batches of labelled windows; `plan(step, rows)` and `batch(step, rows)` are pure functions.

    `rows` are the rows of the global batch that one host needs.

    Positives and negatives come from recordings of different length, format and silence. So that nothing but the word
    tells them apart, both are cut by one rule: a stretch of the recording (the word; or, in a negative, any stretch that
    is as long as words are) is put at a random place of the window, and what the recording does not fill is silence or
    another negative recording, drawn alike for both.

    Attributes:
      clips: the corpus.
      samples: length of an example: the lead and the window.
      lead: samples before the window; the word is inside the window.
      batch_size: of the global batch.
      seed: keys every choice.
      context_probability: how often a gap is filled with another negative recording.
      pools: the recordings by class.
      words: where the word of a positive begins and ends.
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
        """Sorts the recordings of a training split; `settings` is `config.data`, `keywords` are lower case.

        Raises:
          UserError: if there is no recording of a keyword, or none of other speech, or for weights out of range.
        """
        pools = sort_recordings(clips, keywords, samples, seed, settings)
        words = word_bounds(clips, pools.classes > 0, int(LONGEST_WORD * (samples - lead)))
        return cls(clips, samples, lead, batch_size, seed, settings.context_probability, pools, words)

    @property
    def window(self) -> int:
        """Length of the window, the last samples of an example."""
        return self.samples - self.lead

    def plan(self, step: int, rows: range) -> Plan:
        """`pieces`, `length` int32 [rows] and `label` int32 [rows]."""
        recording = self.pools.recordings_at(step * self.batch_size + np.arange(rows.start, rows.stop))
        size, place, shift, before, fill_before, after, fill_after = uniforms(self.seed, step, self.batch_size, rows, 7).T
        length = self.clips.columns["samples"][recording]
        start, stop = self._stretches(recording, length, size, place)
        first = start - self.lead - _integers(shift, self.window - (stop - start))  # of the example, in the recording
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
        """`audio` int16 [rows, samples], `length` int32 [rows], `label` int32 [rows], read from disk."""
        return read_plan(self.clips, self.plan(step, rows), self.samples)

    def _stretches(
        self,
        recording: Int[np.ndarray, "rows"],
        length: Int[np.ndarray, "rows"],
        size: Float[np.ndarray, "rows"],
        place: Float[np.ndarray, "rows"],
    ) -> Int[np.ndarray, "2 rows"]:
        """Begin and end of what must be inside the window: the word, or a stretch of drawn size and place."""
        share = SHORTEST_WORD + (LONGEST_WORD - SHORTEST_WORD) * size
        count = np.minimum(length, (share * self.window).astype(np.int64))
        start = _integers(place, length - count)
        return np.where(self.pools.classes[recording] > 0, self.words[recording].T, [start, start + count])

    def _end_of_negative(self, other, fill, gap):
        """A piece for the gap before the recording: the end of a negative."""
        other, samples, count = self._negative(other, fill, gap)
        return other, samples - count, gap - count, count

    def _beginning_of_negative(self, other, fill, at):
        """A piece for the gap from `at` on: the beginning of a negative."""
        other, samples, count = self._negative(other, fill, self.samples - at)
        return other, np.zeros_like(samples), at, count

    def _negative(self, other, fill, gap):
        """A drawn negative recording, its length, and how many of its samples go into the gap."""
        recording, _ = self.pools.negatives.locate(_integers(other, len(self.pools.negatives) - 1))
        samples = self.clips.columns["samples"][recording]
        return recording, samples, np.where(fill < self.context_probability, np.minimum(gap, samples), 0)


def _integers(drawn: Float[np.ndarray, "n"], most: Int[np.ndarray, "n"] | int) -> Int[np.ndarray, "n"]:
    """Uniform integers of 0..most out of uniform numbers of [0, 1)."""
    return (drawn * (most + 1)).astype(np.int64)
