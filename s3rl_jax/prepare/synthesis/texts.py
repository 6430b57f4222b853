"""Texts to speak: a keyword's sound-alikes, other words and sentences."""

import functools
from collections.abc import Sequence

import numpy as np

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.text import is_phonemes, same
from s3rl_jax.prepare.synthesis import phonemes, phrases
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.espeak_voices import ENGLISH_ACCENTS
from s3rl_jax.prepare.synthesis.phonemes import Phonemes
from s3rl_jax.prepare.synthesis.script import Script
from s3rl_jax.prepare.synthesis.speakable import check_speakable
from s3rl_jax.prepare.synthesis.voice import Voice

BY_PHONEMES = 0.6  # of the sound-alikes by voices that speak phonemes; the others are spelled
REAL_ALIKES = 12  # real words among the spelled sound-alikes
CONFUSION_SHARE = 0.5  # of the sound-alikes, where the script has some of its own


class Texts:
    """The texts of a script.

    Args:
      script: what is to be spoken.
      espeak: gives the phonemes of words.
      rng: chooses.

    Raises:
      UserError: for a language that espeak-ng does not speak, and for a keyword or phonemes that its voices cannot say.
    """

    def __init__(self, script: Script, espeak: Espeak, rng: np.random.Generator):
        self._script, self._espeak, self._rng = script, espeak, rng
        if not espeak.has(script.language):
            raise UserError(f"--language={script.language}: espeak-ng has no such voice; expected for example en, de, fr, es")
        check_speakable(script, espeak)
        self._accents = ENGLISH_ACCENTS if script.language == "en" else (script.language,)
        self._builtin = script.language.split("-")[0] == "en" and not script.texts
        text_words = dict.fromkeys(word for text in script.texts for word in text.lower().split())
        self._words = (*phrases.NOUNS, *phrases.VERBS, *phrases.ADJECTIVES) if self._builtin else tuple(text_words)
        self._phonemes = functools.lru_cache(maxsize=4096)(espeak.phonemes)
        self._inventory = functools.lru_cache(maxsize=64)(self._language_inventory)
        self._spelled_alikes = functools.lru_cache(maxsize=64)(self._find_spelled_alikes)

    def draw(self, kind: str, keyword: str, voice: Voice, accent: str) -> str:
        """A text of the kind, for a voice; phonemes stand in double square brackets.

        Args:
          kind: keyword, sound_alike, word or sentence.
          keyword: the text itself, or what a sound-alike resembles.
          voice: to speak it; one that does not speak phonemes gets words.
          accent: of the voice.
        """
        if kind == "keyword":
            return self._one_of(self._script.texts_of(keyword))
        if kind == "sound_alike":
            confusions = [text for text in self._script.confusions if voice.phonetic or not is_phonemes(text)]
            if confusions and self._rng.random() < CONFUSION_SHARE:
                return self._one_of(confusions)
            by_phonemes = self._sound_alike(keyword, accent) if voice.phonetic else None
            return by_phonemes or self._spelled_alike(keyword, accent)
        if self._words:
            if kind == "word":
                return str(self._rng.choice(self._words))
            return phrases.sentence(self._rng) if self._builtin else str(self._rng.choice(self._script.texts))
        if not voice.phonetic:
            return self._spelled_alike(keyword, accent)
        return self._pseudo_words(accent, 1 if kind == "word" else int(self._rng.integers(3, 8)))

    def _one_of(self, texts: Sequence[str]) -> str:
        return texts[0] if len(texts) == 1 else str(self._rng.choice(texts))

    def _spelled_alike(self, keyword: str, accent: str) -> str:
        """Text that sounds like the keyword; a pseudo-word where nothing can be spelled like it."""
        alikes = self._spelled_alikes(keyword)
        return str(self._rng.choice(alikes)) if alikes else self._pseudo_words(accent, 1)

    def _pseudo_words(self, accent: str, count: int) -> str:
        sizes = self._rng.integers(1, 4, size=count)
        words = ("".join(phonemes.pseudo_word(self._rng, self._inventory(accent), int(size))) for size in sizes)
        return f"[[{' '.join(words)}]]"

    def _sound_alike(self, keyword: str, accent: str) -> str | None:
        """Phonemes one or two away from the keyword's.

        None where it is to be spelled, or where another accent would speak the keyword with these phonemes.
        """
        texts = self._script.texts_of(keyword)
        target = self._phonemes(self._one_of(texts), accent)
        if len(target) < 2 or self._rng.random() > BY_PHONEMES:
            return None
        alike = phonemes.sound_alike(self._rng, target, self._inventory(accent), edits=int(self._rng.integers(1, 3)))
        if all(phonemes.distance(alike, self._phonemes(text, other)) for text in texts for other in self._accents):
            return f"[[{''.join(alike)}]]"
        return None

    def _language_inventory(self, accent: str) -> Phonemes:
        """The phonemes of the language: of its words or, without any, of its letters two by two."""
        pairs = [c + v for c in "bcdfghjklmnpqrstvwxz" for v in ("a", "e", "i", "o", "u", "ai", "au", "ei")]
        keywords = [text for keyword in self._script.keywords for text in self._script.texts_of(keyword)]
        words = (*(self._words or pairs), *keywords)
        return phonemes.inventory(self._phonemes(word, accent) for word in words)

    def _find_spelled_alikes(self, keyword: str) -> list[str]:
        """Real words that sound like the keyword, and parts and changes of its spelling that are spoken otherwise."""
        accent = self._accents[0]
        target = self._phonemes(self._script.texts_of(keyword)[0], accent)
        real = phonemes.nearest(target, {word: self._phonemes(word, accent) for word in self._words}, REAL_ALIKES)
        spellings = [] if is_phonemes(keyword) else phrases.sound_alikes(keyword)
        half = [] if is_phonemes(keyword) else [keyword[: -(-len(keyword) // 2)]]
        changed = [text for text in spellings if phonemes.distance(self._phonemes(text, accent), target)]
        return self._without_keywords([*real, *changed]) or self._without_keywords(half)

    def _without_keywords(self, texts: list[str]) -> list[str]:
        return [text for text in texts if not any(same(text, keyword) for keyword in self._script.keywords)]
