"""Utterances: chooses a text of a kind (keyword, sound-alike, word or sentence) and has it spoken by a voice."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from s3rl_jax.audio.read import to_int16
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.text import is_phonemes, same
from s3rl_jax.prepare.recordings import speech_bounds
from s3rl_jax.prepare.synthesis import phonemes, phrases
from s3rl_jax.prepare.synthesis.espeak import ACCENTS, Espeak
from s3rl_jax.prepare.synthesis.external_voices import ExternalVoice
from s3rl_jax.prepare.synthesis.phonemes import Phonemes
from s3rl_jax.prepare.synthesis.script import Script

BY_PHONEMES = 0.6  # of the sound-alikes that espeak-ng speaks; the others are spelled
REAL_ALIKES = 12  # real words among the spelled sound-alikes

Speak = Callable[[str], tuple[Float[np.ndarray, "samples"], int]]  # text -> samples in [-1, 1], and their rate


class Utterance(NamedTuple):
    """A text as it was spoken.

    Attributes:
      samples: in [-1, 1].
      rate: of the samples, in Hz.
      label: the text; empty if it was given as phonemes.
      word: where the keyword begins and ends, in seconds, if other speech surrounds it.
      speaker: of the engine.
      accent: language of the voice.
      engine: its name.
    """

    samples: Float[np.ndarray, "samples"]
    rate: int
    label: str
    word: tuple[float, float] | None
    speaker: str
    accent: str
    engine: str


class Synthesiser:
    """Makes utterances of a script. Keeps one espeak-ng, whose output depends on what it spoke before.

    Raises:
      UserError: for a language that espeak-ng does not speak.
    """

    def __init__(self, script: Script, rng: np.random.Generator):
        self.script, self.rng, self._espeak = script, rng, Espeak()
        if not self._espeak.has(script.language):
            raise UserError(f"--language={script.language}: espeak-ng has no such voice; expected for example en, de, fr, es")
        self._accents = ACCENTS if script.language == "en" else (script.language,)
        self._builtin = script.language.split("-")[0] == "en" and not script.texts
        text_words = dict.fromkeys(word for text in script.texts for word in text.lower().split())
        self._words = (*phrases.NOUNS, *phrases.VERBS, *phrases.ADJECTIVES) if self._builtin else tuple(text_words)
        self._phonemes = functools.lru_cache(maxsize=4096)(self._espeak.phonemes)
        self._inventory = functools.lru_cache(maxsize=64)(self._language_inventory)
        self._spelled_alikes = functools.lru_cache(maxsize=64)(self._find_spelled_alikes)

    def utterance(self, kind: str, keyword: str, voice: str | ExternalVoice) -> Utterance:
        """Speaks a text of a kind.

        Args:
          kind: keyword, sound_alike, word or sentence.
          keyword: the text itself, or what a sound-alike resembles.
          voice: a variant of espeak-ng's, or another engine's voice.
        """
        accent = str(self.rng.choice(self._accents))
        speak = functools.partial(self._speak, voice=voice, accent=accent, manner=self.rng.uniform(size=3))
        if isinstance(voice, ExternalVoice):
            spelled, speaker = True, (voice.name, self.script.language, voice.name.split(":")[0])
        else:
            spelled, speaker = False, (voice, accent, "espeak-ng")
        text = self._text(kind, keyword, accent, spelled)
        samples, rate = speak(text)
        if kind != "keyword" or self.rng.random() > self.script.context_share:
            label = keyword if kind == "keyword" else "" if is_phonemes(text) else text
            return Utterance(samples, rate, label, None, *speaker)
        context = functools.partial(self._text, "sentence", keyword, accent, spelled)
        samples, word = self._in_context(samples, rate, speak, context)
        return Utterance(samples, rate, keyword, word, *speaker)

    def _in_context(
        self, samples: Float[np.ndarray, "word"], rate: int, speak: Speak, context: Callable[[], str]
    ) -> tuple[Float[np.ndarray, "all"], tuple[float, float]]:
        """The word before, after or within other speech, and where it begins and ends in seconds."""
        begin, end = speech_bounds(to_int16(samples))
        pieces, place = [samples[begin:end]], 0
        shape = self.rng.choice(["before", "after", "within"])
        if shape in ("after", "within"):
            around, pause = self._context(rate, speak, context)
            pieces = [around, pause, *pieces]
            place = len(around) + len(pause)
        if shape in ("before", "within"):
            around, pause = self._context(rate, speak, context)
            pieces = [*pieces, pause, around]
        return np.concatenate(pieces), (place / rate, (place + end - begin) / rate)

    def _context(self, rate: int, speak: Speak, context: Callable[[], str]) -> tuple[np.ndarray, np.ndarray]:
        """Other speech, and the pause between it and the word."""
        around, _ = speak(context())
        return around, np.zeros(int(self.rng.uniform(0.02, 0.3) * rate), np.float32)

    def _text(self, kind: str, keyword: str, accent: str, spelled: bool) -> str:
        """A text of the kind; phonemes stand in double square brackets, unless it has to be spelled for another engine."""
        if kind == "keyword":
            return keyword
        if kind == "sound_alike":
            by_phonemes = None if spelled else self._sound_alike(keyword, accent)
            return by_phonemes or self._spelled_alike(keyword, accent)
        if self._words:
            if kind == "word":
                return str(self.rng.choice(self._words))
            return phrases.sentence(self.rng) if self._builtin else str(self.rng.choice(self.script.texts))
        if spelled:
            return self._spelled_alike(keyword, accent)
        return self._pseudo_words(accent, 1 if kind == "word" else int(self.rng.integers(3, 8)))

    def _spelled_alike(self, keyword: str, accent: str) -> str:
        """Text that sounds like the keyword; a pseudo-word where nothing can be spelled like it."""
        alikes = self._spelled_alikes(keyword)
        return str(self.rng.choice(alikes)) if alikes else self._pseudo_words(accent, 1)

    def _pseudo_words(self, accent: str, count: int) -> str:
        sizes = self.rng.integers(1, 4, size=count)
        words = ("".join(phonemes.pseudo_word(self.rng, self._inventory(accent), int(size))) for size in sizes)
        return f"[[{' '.join(words)}]]"

    def _sound_alike(self, keyword: str, accent: str) -> str | None:
        """Phonemes one or two away from the keyword's.

        None where it is to be spelled, or where another accent would speak the keyword with these phonemes.
        """
        target = self._phonemes(keyword, accent)
        if len(target) < 2 or self.rng.random() > BY_PHONEMES:
            return None
        alike = phonemes.sound_alike(self.rng, target, self._inventory(accent), edits=int(self.rng.integers(1, 3)))
        if all(phonemes.distance(alike, self._phonemes(keyword, other)) for other in self._accents):
            return f"[[{''.join(alike)}]]"
        return None

    def _language_inventory(self, accent: str) -> Phonemes:
        """The phonemes of the language: of its words or, without any, of its letters two by two."""
        pairs = [c + v for c in "bcdfghjklmnpqrstvwxz" for v in ("a", "e", "i", "o", "u", "ai", "au", "ei")]
        return phonemes.inventory(self._phonemes(word, accent) for word in (*(self._words or pairs), *self.script.keywords))

    def _find_spelled_alikes(self, keyword: str) -> list[str]:
        """Real words that sound like the keyword, and parts and changes of its spelling that are spoken otherwise."""
        accent = self._accents[0]
        target = self._phonemes(keyword, accent)
        real = phonemes.nearest(target, {word: self._phonemes(word, accent) for word in self._words}, REAL_ALIKES)
        spellings = [] if is_phonemes(keyword) else phrases.sound_alikes(keyword)
        half = [] if is_phonemes(keyword) else [keyword[: -(-len(keyword) // 2)]]
        changed = [text for text in spellings if phonemes.distance(self._phonemes(text, accent), target)]
        return self._without_keywords([*real, *changed]) or self._without_keywords(half)

    def _without_keywords(self, texts: list[str]) -> list[str]:
        return [text for text in texts if not any(same(text, keyword) for keyword in self.script.keywords)]

    def _speak(
        self, text: str, voice: str | ExternalVoice, accent: str, manner: Float[np.ndarray, "3"]
    ) -> tuple[Float[np.ndarray, "samples"], int]:
        """Speaks a text; `manner` is the rate, the pitch and the liveliness, each in [0, 1)."""
        if isinstance(voice, ExternalVoice):
            return voice.speak(text, slowness=float(0.8 + 0.5 * manner[0]))
        rate, pitch, pitch_range = int(110 + 120 * manner[0]), int(15 + 70 * manner[1]), int(20 + 60 * manner[2])
        samples = self._espeak.speak(text, f"{accent}+{voice}", rate, pitch, pitch_range)
        return samples.astype(np.float32) / 32768, self._espeak.sample_rate
