"""Phonemes in espeak-ng's mnemonics: how far two words are apart, and words that are nearly a keyword, the hardest negatives.

A word is a tuple of mnemonics; a vowel with stress begins with ' or a comma.
"""

from collections.abc import Iterable

import numpy as np
from rapidfuzz.distance import Levenshtein

_VOWELS = "aeiouyAEIOUVQ@380Y&"  # first characters of espeak's mnemonics of vowels
# Weak vowels are too near each other to make another word.
_WEAK = {"@": "@", "@2": "@", "@5": "@", "@L": "@", "a#": "@", "I2": "@", "I#": "@", "i": "@", "I": "@", "3": "@", "E2": "@"}

Phonemes = tuple[str, ...]


def is_vowel(phoneme: str) -> bool:
    return _unstressed(phoneme)[:1] in _VOWELS


def canonical(phonemes: Phonemes) -> Phonemes:
    """Without stress, length and differences between weak vowels: words that agree in this sound the same."""
    return tuple(_WEAK.get(bare, bare) for bare in (_unstressed(p).replace(":", "") for p in phonemes))


def distance(one: Phonemes, other: Phonemes) -> int:
    """The Levenshtein distance of the canonical phonemes."""
    return Levenshtein.distance(canonical(one), canonical(other))


def sound_alike(rng: np.random.Generator, keyword: Phonemes, inventory: Phonemes, edits: int) -> Phonemes:
    """The keyword with that many phonemes replaced by one of their kind (vowel or consonant), left out, or put in.

    Args:
      rng: chooses.
      keyword: at least two phonemes.
      inventory: the language's phonemes, without stress.
      edits: 1 or 2; the distance to the keyword is at least 1 and at most this.
    """
    while True:
        alike = list(keyword)
        for _ in range(edits):
            place = int(rng.integers(len(alike)))
            vowel = is_vowel(alike[place])
            others = [p for p in inventory if is_vowel(p) == vowel]
            stress = alike[place][:1] if alike[place][:1] in "'," else ""
            action = rng.choice(["replace", "replace", "drop", "insert"])
            if action == "replace" and others:
                alike[place] = stress + str(rng.choice(others))
            elif action == "insert" and not vowel:
                alike.insert(place, str(rng.choice([p for p in inventory if is_vowel(p)] or [alike[place]])))
            elif len(alike) > 2:
                del alike[place]
        if distance(tuple(alike), keyword):
            return tuple(alike)


def nearest(keyword: Phonemes, words: dict[str, Phonemes], count: int) -> list[str]:
    """The `count` words that sound most like the keyword, the nearest first: at most half of its phonemes away."""
    distances = sorted((distance(keyword, phonemes), word) for word, phonemes in words.items())
    return [word for away, word in distances if 0 < away <= len(keyword) / 2][:count]


def inventory(words: Iterable[Phonemes]) -> Phonemes:
    """The phonemes of a language, as its words have them, without stress."""
    return tuple(sorted({_unstressed(phoneme) for word in words for phoneme in word}))


def pseudo_word(rng: np.random.Generator, inventory: Phonemes, syllables: int) -> Phonemes:
    """A random word of that many syllables, each a consonant and a vowel."""
    vowels, consonants = ([p for p in inventory if is_vowel(p) == kind] for kind in (True, False))
    return tuple(str(rng.choice(part)) for _ in range(syllables) for part in (consonants, vowels))


def _unstressed(phoneme: str) -> str:
    return phoneme.lstrip("',%=")
