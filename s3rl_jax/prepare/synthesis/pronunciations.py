"""Pronunciations of a user's own: `--pronounce="alexa=a2l'Eks@"`, phonemes in the mnemonics of espeak-ng."""

from collections.abc import Sequence

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.text import PHONEMES, is_phonemes, same
from s3rl_jax.prepare.synthesis.espeak import Espeak

EXAMPLE = "alexa=a#l'Eks@"
# A pause and a phoneme that every language has: what espeak-ng speaks behind phonemes that it has all read.
_SENTINEL, _SENTINEL_PHONEME = "_:t", "t"


def parse_pronunciations(values: Sequence[str], keywords: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The keyword and the phonemes, in double square brackets, of each `word=phonemes`; a word may have several.

    Raises:
      UserError: for a value of another form, and for a word that is none of the keywords.
    """
    pairs = []
    for value in values:
        word, _, phonemes = (part.strip() for part in value.partition("="))
        if not word or not phonemes.strip("[] "):
            raise UserError(f"--pronounce={value!r}: expected word=phonemes, for example {EXAMPLE}")
        keyword = next((keyword for keyword in keywords if same(keyword, word)), None)
        if keyword is None or is_phonemes(keyword):
            raise UserError(
                f"--pronounce={value!r}: {word!r} is none of the words of --synthesize; expected one of {', '.join(keywords)}"
            )
        pairs.append((keyword, phonemes if is_phonemes(phonemes) else phonemes.join(PHONEMES)))
    return tuple(dict.fromkeys(pairs))


def check_phonemes(espeak: Espeak, text: str, language: str, flag: str) -> None:
    """Checks that espeak-ng reads all of the phonemes; it speaks a text up to the first that it does not know.

    Args:
      espeak: speaks.
      text: phonemes in double square brackets.
      language: voice whose phonemes they are.
      flag: names the text in the message.

    Raises:
      UserError: naming what is read.
    """
    for word in text.strip().removeprefix(PHONEMES[0]).removesuffix(PHONEMES[1]).split():
        if not _is_read(espeak, word, language):
            read = next(part for part in (word[:end] for end in range(len(word), -1, -1)) if _is_read(espeak, part, language))
            raise UserError(
                f"{flag}: of the phonemes {word!r} the voice {language} of espeak-ng reads {read!r}; "
                f"expected its mnemonics, for example {EXAMPLE.partition('=')[2]} for {EXAMPLE.partition('=')[0]}"
            )


def _is_read(espeak: Espeak, phonemes: str, language: str) -> bool:
    """Whether espeak-ng reads phonemes to their end; not if there are none, unless the text is empty."""
    alone, followed = (espeak.phonemes(part.join(PHONEMES), language) for part in (phonemes, phonemes + _SENTINEL))
    return bool(alone or not phonemes) and followed[-1:] == (_SENTINEL_PHONEME,) and len(followed) == len(alone) + 1
