"""Labelled windows for fine-tuning, cut as a device would meet them: the word anywhere, other sounds around it."""

import dataclasses

import numpy as np

from s3rl_jax.data.corpus import Clips
from s3rl_jax.data.order import example_rng, records_at
from s3rl_jax.errors import UserError


def keyword_labels(clips: Clips, keywords: tuple[str, ...]) -> np.ndarray:
    """Class of each record: 1 + the keyword's place, 0 for anything else, -1 where a keyword is only part of the text.

    A recording of which the keyword is a part would be a wrong negative; it is used for neither.
    """
    texts = [str(text).strip().lower() for text in clips.columns["label"]]
    classes = np.zeros(len(texts), np.int32)
    for place, keyword in enumerate(keywords):
        for i, text in enumerate(texts):
            if text == keyword:
                classes[i] = place + 1
            elif f" {keyword} " in f" {text} ":
                classes[i] = -1
    return classes


def parse_keywords(text: str) -> tuple[str, ...]:
    """`config.keyword`: one keyword or several, comma-separated."""
    keywords = tuple(word.strip().lower() for word in text.split(",") if word.strip())
    if not keywords:
        raise UserError(f"config.keyword={text!r}: expected a keyword, for example alexa")
    return keywords


@dataclasses.dataclass(frozen=True)
class Windows:
    """`batch(step, rows)` is a pure function of the seed, the step and the rows that one host needs.

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
    positive_fraction: float
    noise_fraction: float
    context_probability: float
    classes: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray  # once for each window's worth of audio, as in Crops
    noises: np.ndarray

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
          settings: `positive_fraction`, `noise_fraction`, `context_probability`.

        Raises:
          UserError: if there is no recording of a keyword, or nothing else.
        """
        speech = clips.columns["kind"] == "speech"
        classes = np.where(speech, keyword_labels(clips, keywords), 0)
        for place, keyword in enumerate(keywords):
            if not (classes == place + 1).any():
                found = sorted({str(label) for label in clips.columns["label"][speech] if label})
                raise UserError(
                    f"config.keyword={keyword}: no recording in the train split has that label; the corpus has "
                    f"{', '.join(found[:12])}{' ...' if len(found) > 12 else ''}"
                )
        negatives = clips.rows(speech & (classes == 0))
        if not len(negatives):
            raise UserError("config.data.corpus: no other speech than the keyword; negatives are needed")
        worth = np.maximum(1, clips.columns["samples"][negatives] // samples)
        return cls(
            clips,
            samples,
            lead,
            batch_size,
            seed,
            settings.positive_fraction,
            settings.noise_fraction,
            settings.context_probability,
            classes,
            clips.rows(speech & (classes > 0)),
            np.repeat(negatives, worth),
            clips.rows(clips.columns["kind"] == "noise"),
        )

    @property
    def window(self) -> int:
        """Samples that the word must be within, the last ones of a clip."""
        return self.samples - self.lead

    def batch(self, step: int, rows: range) -> dict[str, np.ndarray]:
        """`audio` int16 [rows, samples], `length` int32 [rows], `label` int32 [rows]."""
        audio = np.zeros((len(rows), self.samples), np.int16)
        label = np.zeros(len(rows), np.int32)
        positives = round(self.positive_fraction * self.batch_size)
        noises = round(self.noise_fraction * self.batch_size) if len(self.noises) else 0
        for i, row in enumerate(rows):
            rng = example_rng(self.seed, step, row)
            if row < positives:
                record = self._record(self.positives, 1, step * positives + row)
            elif row < positives + noises:
                record = self._record(self.noises, 2, step * noises + row - positives)
            else:
                others = self.batch_size - positives - noises
                record = self._record(self.negatives, 3, step * others + row - positives - noises)
            audio[i], label[i] = self._window(record, rng), self.classes[record]
        return {"audio": audio, "length": np.full(len(rows), self.samples, np.int32), "label": label}

    def _record(self, pool, stream, position):
        return int(pool[records_at(self.seed * 4 + stream, np.array([position]), len(pool))[0]])

    def _window(self, record, rng):
        recording = self.clips.audio(record)
        start, stop = self._stretch(record, recording, rng)
        lead = self.lead + int(rng.integers(self.window - (stop - start) + 1))  # samples of clip before the stretch
        window = np.zeros(self.samples, np.int16)
        first = start - lead  # where the window begins in the recording
        low, high = max(0, first), min(len(recording), first + self.samples)
        window[low - first : high - first] = recording[low:high]
        for gap in (slice(0, low - first), slice(high - first, self.samples)):
            if gap.stop > gap.start and rng.random() < self.context_probability:
                window[gap] = self._context(gap.stop - gap.start, at_end=gap.start == 0, rng=rng)
        return window

    def _stretch(self, record, recording, rng):
        """What must be inside the window: the word, or any stretch as long as words are."""
        if self.classes[record] > 0:
            start, stop = (int(self.clips.columns[name][record]) for name in ("speech_start", "speech_end"))
            longest = int(0.8 * self.window)
            return (start, stop) if stop - start <= longest else loudest(recording, start, stop, longest)
        size = min(len(recording), int(rng.uniform(0.3, 0.8) * self.window))
        start = int(rng.integers(len(recording) - size + 1))
        return start, start + size

    def _context(self, size, at_end, rng):
        """A piece of another negative: its end, where it precedes the window's recording, else its beginning."""
        other = self.clips.audio(int(self.negatives[rng.integers(len(self.negatives))]))
        piece = other[-size:] if at_end else other[:size]
        padding = (size - len(piece), 0) if at_end else (0, size - len(piece))
        return np.pad(piece, padding)


def loudest(audio: np.ndarray, start: int, stop: int, size: int) -> tuple[int, int]:
    """The loudest stretch of `size` samples within [start, stop)."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio[start:stop].astype(np.float64)))])
    best = start + int(np.argmax(energy[size:] - energy[:-size]))
    return best, best + size
