"""Utterances: a line of the script, drawn at random, and the same line spoken.

A keyword stands alone or with other speech before it, after it, or both: each spoken for itself, with or without a pause
between; or in one breath, where its place is estimated from that in espeak-ng's speech.
"""

import functools
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from s3rl_jax.corpus.text import is_phonemes
from s3rl_jax.prepare.synthesis.casting import Cast
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.script import Script
from s3rl_jax.prepare.synthesis.texts import Texts
from s3rl_jax.prepare.synthesis.trimming import sound_bounds, trimmed
from s3rl_jax.prepare.synthesis.voice import Manner, Voice, draw_manner

ONE_BREATH = 0.4  # of the keywords with other speech on one side
WITHOUT_PAUSE = 0.3  # of the pieces that are spoken for themselves
PAUSES = (0.03, 0.4)  # seconds
ESTIMATE_MARGIN = 1.2  # of the word's share of an utterance: words are longer at the end of a phrase
PLAUSIBLE = (0.4, 2.5)  # how much longer a keyword may be than espeak-ng speaks it


class Line(NamedTuple):
    """What one utterance is to be.

    Attributes:
      text: to speak; the keyword, alone or in one breath with other speech.
      label: the text; empty if it was given as phonemes.
      voice: who speaks.
      accent: of the voice.
      manner: of speaking.
      before, after: spoken for themselves, around the text; empty: nothing.
      pauses: before and after the text, in seconds.
      share: where the keyword begins and ends in `text`, as shares of its length.
      seconds: about how long the text is at the normal rate, for a check; 0: no check.
    """

    text: str
    label: str
    voice: Voice
    accent: str
    manner: Manner
    before: str = ""
    after: str = ""
    pauses: tuple[float, float] = (0.0, 0.0)
    share: tuple[float, float] | None = None
    seconds: float = 0.0


class Utterance(NamedTuple):
    """A line as it was spoken, without silence around it.

    Attributes:
      samples: in [-1, 1].
      rate: of the samples, in Hz.
      word: where the keyword begins and ends, in seconds, if other speech surrounds it.
    """

    samples: Float[np.ndarray, "samples"]
    rate: int
    word: tuple[float, float] | None


class Synthesiser:
    """Draws lines of a script. Keeps one espeak-ng, whose output depends on what it spoke before.

    Raises:
      UserError: for a language that espeak-ng does not speak, and for a keyword or phonemes that its voices cannot say.
    """

    def __init__(self, script: Script, espeak: Espeak, rng: np.random.Generator):
        self.script, self.rng, self._espeak = script, rng, espeak
        self._texts = Texts(script, espeak, rng)
        self._seconds = functools.lru_cache(maxsize=4096)(self._measured_seconds)

    def line(self, kind: str, keyword: str, cast: Cast, without: Collection[str] = ()) -> Line | None:
        """Draws a line.

        Args:
          kind: keyword, sound_alike, word or sentence.
          keyword: the text itself, or what a sound-alike resembles.
          cast: the voices.
          without: engines that have failed.

        Returns:
          None if no voice is left that could speak it.
        """
        voice = cast.draw(self.rng, kind, self.script.is_by_phonemes(keyword), without)
        if voice is None:
            return None
        accent, manner = str(self.rng.choice(voice.accents)), draw_manner(self.rng)
        text = self._texts.draw(kind, keyword, voice, accent)
        if kind != "keyword":
            return Line(self._intoned(text, kind), "" if is_phonemes(text) else text, voice, accent, manner)
        line = Line(self._intoned(text, kind), keyword, voice, accent, manner, seconds=self._seconds(text, accent))
        return line if self.rng.random() > self.script.context_share else self._in_context(line, keyword, text)

    def _in_context(self, line: Line, keyword: str, text: str) -> Line:
        """The keyword, whose text is to be spoken, before, after or within other speech."""
        place = self.rng.choice(["before", "after", "within"])
        draw = functools.partial(self._texts.draw, "sentence", keyword, line.voice, line.accent)
        if place != "within" and not is_phonemes(text) and self.rng.random() < ONE_BREATH:
            return self._one_breath(line, text, draw(), first=place == "before")
        pauses = [0.0 if self.rng.random() < WITHOUT_PAUSE else float(self.rng.uniform(*PAUSES)) for _ in range(2)]
        before, after = draw() if place != "before" else "", draw() if place != "after" else ""
        return line._replace(before=before, after=after, pauses=(pauses[0], pauses[1]))

    def _one_breath(self, line: Line, keyword: str, other: str, first: bool) -> Line:
        mark = str(self.rng.choice([" ", ", "]))
        text = mark.join((keyword, other) if first else (other, keyword))
        part = ESTIMATE_MARGIN * line.seconds / max(self._measured_seconds(text, line.accent), 1e-3)
        if is_phonemes(other) or part >= 1:
            return line
        return line._replace(text=text, share=(0.0, part) if first else (1 - part, 1.0), seconds=0.0)

    def _intoned(self, text: str, kind: str) -> str:
        """Words with a mark for the intonation; sentences, and phonemes, as they are."""
        return text if kind == "sentence" or is_phonemes(text) else text + str(self.rng.choice(["", "", "!", "?", ","]))

    def _measured_seconds(self, text: str, accent: str) -> float:
        """How long espeak-ng speaks a text."""
        samples = self._espeak.speak(text, accent, rate=165, pitch=50, pitch_range=50)
        return len(trimmed(samples.astype(np.float32), self._espeak.sample_rate)) / self._espeak.sample_rate


def speak(line: Line) -> Utterance:
    """Speaks a line. Lines of voices that are not `in_order` may be spoken side by side, in any order.

    Raises:
      Exception: of any kind, if the engine fails on it; RuntimeError for silence, and for a keyword of no plausible length.
    """
    word, rate = _piece(line, line.text)
    seconds = len(word) / rate * line.manner.rate
    if line.seconds and not PLAUSIBLE[0] < seconds / line.seconds < PLAUSIBLE[1]:
        raise RuntimeError(f"{seconds:.2f} s long; expected about {line.seconds:.2f} s")
    if line.share:
        start, stop = (round(part * len(word)) for part in line.share)
        begin, end = sound_bounds(word[start:stop], rate)  # the estimate may reach into a pause
        return Utterance(word, rate, ((start + begin) / rate, (start + end) / rate))
    pieces, place = [word], 0
    if line.before:
        lead = [_piece(line, line.before)[0], _silence(line.pauses[0], rate)]
        pieces, place = [*lead, *pieces], sum(map(len, lead))
    if line.after:
        pieces += [_silence(line.pauses[1], rate), _piece(line, line.after)[0]]
    surrounded = bool(line.before or line.after)
    return Utterance(np.concatenate(pieces), rate, (place / rate, (place + len(word)) / rate) if surrounded else None)


def _piece(line: Line, text: str) -> tuple[Float[np.ndarray, "speech"], int]:
    samples, rate = line.voice.speak(text, line.accent, line.manner)
    if not np.isfinite(samples).all() or not len(speech := trimmed(np.asarray(samples, np.float32), rate)):
        raise RuntimeError("no sound")
    return speech, rate


def _silence(seconds: float, rate: int) -> Float[np.ndarray, "samples"]:
    return np.zeros(round(seconds * rate), np.float32)
