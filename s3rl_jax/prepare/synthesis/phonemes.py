"""Words that are a phoneme or two away from a keyword, in any language that espeak-ng speaks: the hardest negatives."""

from collections.abc import Iterable

import numpy as np

_VOWELS = "aeiouyAEIOUVQ@380Y&"  # first characters of espeak's mnemonics of vowels
# What is too near each other to make another word: the weak vowels.
_WEAK = {"@": "@", "@2": "@", "@5": "@", "@L": "@", "a#": "@", "I2": "@", "I#": "@", "i": "@", "I": "@", "3": "@", "E2": "@"}

Phonemes = tuple[str, ...]


def is_vowel(phoneme: str) -> bool:
    return _bare(phoneme)[:1] in _VOWELS


def same(phonemes: Phonemes) -> Phonemes:
    """Without stress, length and differences between weak vowels: two texts that agree in this sound the same."""
    return tuple(_WEAK.get(bare, bare) for bare in (_bare(p).replace(":", "") for p in phonemes))


def distance(one: Phonemes, other: Phonemes) -> int:
    """Levenshtein's, of phonemes that sound the same or do not."""
    one, other = same(one), same(other)
    row = np.arange(len(other) + 1)
    for i, phoneme in enumerate(one, start=1):
        changed = row[:-1] + np.array([phoneme != o for o in other], int)
        row, above = np.concatenate([[i], np.zeros(len(other), int)]), row
        for j in range(1, len(row)):
            row[j] = min(above[j] + 1, row[j - 1] + 1, changed[j - 1])
    return int(row[-1])


def sound_alike(rng: np.random.Generator, keyword: Phonemes, inventory: Phonemes, edits: int) -> Phonemes:
    """The keyword with that many phonemes replaced by one of their kind (vowel or consonant), left out, or put in.

    Args:
      rng: chooses.
      keyword: at least two phonemes.
      inventory: the language's phonemes, without stress.
      edits: 1 or 2; the result may be nearer, never the same.
    """
    while True:
        made = list(keyword)
        for _ in range(edits):
            place = int(rng.integers(len(made)))
            kind = is_vowel(made[place])
            others = [p for p in inventory if is_vowel(p) == kind]
            stress = made[place][:1] if made[place][:1] in "'," else ""
            action = rng.choice(["replace", "replace", "drop", "insert"])
            if action == "replace" and others:
                made[place] = stress + str(rng.choice(others))
            elif action == "insert" and not kind:
                made.insert(place, str(rng.choice([p for p in inventory if is_vowel(p)] or [made[place]])))
            elif len(made) > 2:
                del made[place]
        if distance(tuple(made), keyword):
            return tuple(made)


def nearest(keyword: Phonemes, words: dict[str, Phonemes], most: int) -> list[str]:
    """Real words that sound like the keyword: at most half of its phonemes away, the nearest first."""
    found = sorted((distance(keyword, phonemes), word) for word, phonemes in words.items())
    return [word for away, word in found if 0 < away <= len(keyword) / 2][:most]


def inventory(words: Iterable[Phonemes]) -> Phonemes:
    """The phonemes of a language, as its words have them."""
    return tuple(sorted({_bare(phoneme) for word in words for phoneme in word}))


def pseudo_word(rng: np.random.Generator, inventory: Phonemes, syllables: int) -> Phonemes:
    """Consonant and vowel by turns."""
    vowels, consonants = ([p for p in inventory if is_vowel(p) == kind] for kind in (True, False))
    return tuple(str(rng.choice(part)) for _ in range(syllables) for part in (consonants, vowels))


def _bare(phoneme: str) -> str:
    return phoneme.lstrip("',%=")
