"""Compares what labels and keywords say, whatever their punctuation, case, spacing and Unicode form.

`Alexa.`, `ALEXA` and `“alexa”` are the same text; so are `hey jarvis`, `Hey-Jarvis`, `hey_jarvis` and `heyjarvis`, and both
forms of `café`. `Alexa, what time is it?` and `alexa's light` hold `alexa` and more, `alexandra` does not hold it: a text is
held at the boundaries of words or, in scripts without spaces, anywhere between characters (`你好小爱今天天气怎么样` holds
`你好小爱`).

A text in double square brackets is phonemes of espeak-ng (`[[a2l'Eks@]]`), whose case matters: it is compared as it is.
"""

import functools
import unicodedata
from typing import NamedTuple

PHONEMES = ("[[", "]]")
# Scripts without spaces between words, by the first words of the names of their characters; and Hangul, whose particles
# follow the word without a space.
_UNSPACED = ("CJK UNIFIED", "CJK COMPATIBILITY", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "HANGUL", "BOPOMOFO", "YI SYLLABLE")
_UNSPACED += ("THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "JAVANESE", "BALINESE", "NEW TAI LUE", "TAI")
_APOSTROPHES = "\u02b9\u02bb\u02bc\u02bd\ua78b\ua78c"  # letters to Unicode
_IGNORED = ("Cf", "Me")  # zero-width joiners, soft hyphens, byte order marks; keycaps


class Spoken(NamedTuple):
    """The letters and digits of a text, folded, without spaces.

    Attributes:
      letters: after Unicode's NFKC and case folding.
      boundaries: the positions in `letters` where a word may begin or end.
    """

    letters: str
    boundaries: frozenset[int]


@functools.lru_cache(maxsize=1 << 16)
def spoken(text: str) -> Spoken:
    """Reduces a text to what is compared; `letters` is empty if there is neither a letter nor a digit in it."""
    if is_phonemes(text):
        phonemes = text.strip()
        return Spoken(phonemes, frozenset((0, len(phonemes))))
    # Symbols go before NFKC, which turns some of them into letters (™), and again after it, which yields others (½).
    folded = _words(unicodedata.normalize("NFKC", _words(unicodedata.normalize("NFC", text)))).casefold()
    words = _words(unicodedata.normalize("NFKC", folded)).split()
    letters, boundaries = "".join(words), {0}
    end = 0
    for word in words:
        unspaced = [_is_unspaced(character) for character in word]
        for place in range(1, len(word)):
            if (unspaced[place - 1] or unspaced[place]) and not unicodedata.category(word[place]).startswith("M"):
                boundaries.add(end + place)
        end += len(word)
        boundaries.add(end)
    return Spoken(letters, frozenset(boundaries))


def is_phonemes(text: str) -> bool:
    """Whether a text is phonemes of espeak-ng."""
    return text.strip().startswith(PHONEMES[0]) and text.strip().endswith(PHONEMES[1])


def same(one: str, other: str) -> bool:
    """Whether two texts say the same."""
    return spoken(one).letters == spoken(other).letters


def holds(text: str, part: str) -> bool:
    """Whether a text says `part`, with or without more."""
    letters, boundaries = spoken(text)
    target = spoken(part).letters
    place = letters.find(target)
    while target and place >= 0:
        if place in boundaries and place + len(target) in boundaries:
            return True
        place = letters.find(target, place + 1)
    return False


def _words(text: str) -> str:
    """The text with a space for each character that is neither letter nor digit nor a mark on one."""
    characters = []
    for character in text:
        category = unicodedata.category(character)
        if category in _IGNORED or _is_variation_selector(character):
            continue
        in_word = bool(characters) and characters[-1] != " "
        letter = category[0] in "LN" and character not in _APOSTROPHES
        characters.append(character if letter or (category[0] == "M" and in_word) else " ")
    return "".join(characters)


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


@functools.lru_cache(maxsize=1 << 16)
def _is_unspaced(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_UNSPACED)
