"""Labelled windows for fine-tuning, cut as a device would meet them: the word anywhere, other sounds around it."""

import dataclasses

import numpy as np
from jaxtyping import Int

from s3rl_jax.batches.mixture import Mixture, corpus_weights
from s3rl_jax.batches.order import uniforms
from s3rl_jax.batches.segments import Segments
from s3rl_jax.batches.splice_plan import Splices, carry_out
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import SILENCE, keyword_labels


@dataclasses.dataclass(frozen=True)
class Windows:
    """`plan(step, rows)` and `batch(step, rows)` are pure functions of the seed, the step and the rows one host needs.

    Positives and negatives come from recordings of different length, format and silence. So that nothing but the word
    tells them apart, both are cut by one rule: a stretch of the recording (the word; or, in a negative, any stretch of
    a word's length) is put at a random place of the window, and what the recording does not fill is silence or
    another negative recording, drawn alike for both.
    """

    clips: Clips
    samples: int
    lead: int
    batch_size: int
    seed: int
    context_probability: float
    classes: Int[np.ndarray, "recordings"]
    label: Int[np.ndarray, "recordings"]  # the same, but that noise may be a class, SILENCE
    words: Int[np.ndarray, "recordings 2"]  # where the word of a positive begins and ends
    sources: tuple[Segments, ...]  # recordings of a keyword, other speech, noise: of each corpus
    mixture: Mixture  # of the sources
    negatives: Segments  # other speech of all corpora

    @classmethod
    def of(
        cls, clips: Clips, keywords: tuple[str, ...], samples: int, batch_size: int, seed: int, settings, lead: int = 0
    ) -> "Windows":
        """Sorts the records into positives, negatives and noise.

        Args:
          clips: a training split.
          keywords: lower case.
          samples: of one clip.
          lead: of them, before the window that the word must be in.
          batch_size: of the global batch.
          seed: keys every choice.
          settings: `config.data`: `context_probability`, `keyword_clips`, and `mixture`, whose weights are of `keyword`,
            `negative` and `noise`, and within each of them of the `corpora` that have some.

        Raises:
          UserError: if there is no recording of a keyword, or nothing else, or for a mixture that cannot be.
        """
        kind = clips.columns["kind"]
        classes = np.where(kind == "speech", keyword_labels(clips, keywords), 0)
        for place, keyword in enumerate(keywords):
            if not (classes == place + 1).any() and not (keyword == SILENCE and (kind == "noise").any()):
                found = sorted({str(label) for label in clips.columns["label"][kind == "speech"] if label})
                raise UserError(
                    f"config.keyword={keyword}: no recording in the train split has that label; the corpus has "
                    f"{', '.join(found[:12])}{' ...' if len(found) > 12 else ''}"
                )
        classes = _few(clips, classes, settings.get("keyword_clips", 0), seed)
        label = np.where(kind == "noise", keywords.index(SILENCE) + 1, classes) if SILENCE in keywords else classes
        negative = (kind == "speech") & (classes == 0)
        if not negative.any() and (settings.mixture.negative or settings.context_probability):
            raise UserError(
                "config.data.corpus: no other speech than the keyword; negatives are needed, unless "
                "config.data.mixture.negative and config.data.context_probability are 0"
            )
        # A word is a word however long its recording; of what else there is, a minute counts as a minute.
        worth = np.where(classes > 0, 1, np.maximum(1, clips.columns["samples"] // samples))
        sources, weights = [], []
        for role, chosen in (("keyword", classes > 0), ("negative", negative), ("noise", kind == "noise")):
            held = np.bincount(clips.columns["corpus"][chosen], worth[chosen], minlength=clips.corpora)
            share = corpus_weights(settings.mixture, held)
            if held.any() and not share.any():
                raise UserError(f"config.data.mixture.corpora: every corpus that has any {role} has weight 0")
            for corpus in np.flatnonzero(share):
                rows = clips.rows(chosen & (clips.columns["corpus"] == corpus))
                sources.append(Segments.of(rows, worth[rows]))
                weights.append(settings.mixture[role] * share[corpus] / share.sum())
        everything = clips.rows(negative if negative.any() else classes > 0)  # in the latter case it is not heard
        return cls(
            clips,
            samples,
            lead,
            batch_size,
            seed,
            settings.context_probability,
            classes,
            label,
            _word_bounds(clips, classes, int(0.8 * (samples - lead))),
            tuple(sources),
            Mixture.of(weights, seed),
            Segments.of(everything, worth[everything]),
        )

    @property
    def window(self) -> int:
        """Samples that the word must be within, the last ones of a clip."""
        return self.samples - self.lead

    def plan(self, step: int, rows: range) -> dict:
        """`splices`, `length` int32 [rows] and `label` int32 [rows]."""
        recording = self._recordings(step * self.batch_size + np.arange(rows.start, rows.stop))
        drawn = iter(uniforms(self.seed, step, self.batch_size, rows, 7).T)
        length = self.clips.columns["samples"][recording]
        # What must be inside the window: the word, or any stretch as long as words are.
        size = np.minimum(length, ((0.3 + 0.5 * next(drawn)) * self.window).astype(np.int64))
        start = _upto(next(drawn), length - size)
        positive = self.classes[recording] > 0
        start, stop = np.where(positive, self.words[recording].T, [start, start + size])
        first = start - self.lead - _upto(next(drawn), self.window - (stop - start))  # of the window, in the recording
        low, high = np.maximum(first, 0), np.minimum(first + self.samples, length)
        pieces = [(recording, low, low - first, high - low)]
        for gap, at_end in ((low - first, True), (self.samples - (high - first), False)):
            # Another negative: its end, where it precedes the recording, else its beginning.
            other, _ = self.negatives.find(_upto(next(drawn), len(self.negatives) - 1))
            there = self.clips.columns["samples"][other]
            count = np.where(next(drawn) < self.context_probability, np.minimum(gap, there), 0)
            pieces.append((other, there - count if at_end else 0 * there, gap - count if at_end else high - first, count))
        return {
            "splices": Splices(*(np.stack(columns, axis=1) for columns in zip(*pieces, strict=True))),
            "length": np.full(len(rows), self.samples, np.int32),
            "label": self.label[recording].astype(np.int32),
        }

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """`audio` int16 [rows, samples], `length` int32 [rows], `label` int32 [rows], read from disk."""
        return carry_out(self.clips, self.plan(step, rows), self.samples)

    def _recordings(self, positions):
        which, segment = self.mixture.records_at(positions, [len(source) for source in self.sources])
        recording = np.empty_like(segment)
        for source, segments in enumerate(self.sources):
            recording[which == source], _ = segments.find(segment[which == source])
        return recording


def _few(clips: Clips, classes, most: int, seed: int):
    """Of the first corpus, no more than `most` recordings of each keyword; the others are used for nothing. 0: all.

    Raises:
      UserError: for less than 0.
    """
    if most < 0:
        raise UserError(f"config.data.keyword_clips={most}: expected a number of recordings, or 0 for all")
    kept = classes.copy()
    for keyword in range(1, classes.max() + 1) if most else ():
        own = clips.rows((classes == keyword) & (clips.columns["corpus"] == 0))
        kept[np.random.default_rng((seed, keyword)).permutation(own)[most:]] = -1
    return kept


def _upto(drawn, most):
    """Uniform integers of 0..most out of uniform numbers of [0, 1)."""
    return (drawn * (most + 1)).astype(np.int64)


def _word_bounds(clips, classes, longest):
    """Of positives: where the corpus says that the word is, or the loudest part of that if it is too long."""
    bounds = np.stack([clips.columns["speech_start"], clips.columns["speech_end"]], axis=1)
    for row in clips.rows((classes > 0) & (bounds[:, 1] - bounds[:, 0] > longest)):
        bounds[row] = loudest(clips.audio(row), *bounds[row], longest)
    return bounds


def loudest(audio: np.ndarray, start: int, stop: int, size: int) -> tuple[int, int]:
    """The loudest stretch of `size` samples within [start, stop)."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio[start:stop].astype(np.float64)))])
    best = start + int(np.argmax(energy[size:] - energy[:-size]))
    return best, best + size
