"""Whether the voices of a language can speak the keywords of a script, and its sound-alikes are other words."""

import itertools

from fontTools import unicodedata
from langcodes import Language
from langcodes.tag_parser import LanguageTagError

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.text import is_phonemes
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.pronunciations import check_phonemes
from s3rl_jax.prepare.synthesis.script import Script

_COMMON = ("Zyyy", "Zinh", "Zzzz")  # digits, signs, marks: of no script
_HAN = frozenset({"Hani", "Bopo"})
# Of scripts with a name of their own; espeak-ng reads no Han in Japanese and Korean.
_PARTS = {"Hans": _HAN, "Hant": _HAN, "Jpan": frozenset({"Hira", "Kana"}), "Kore": frozenset({"Hang"})}
_LANGUAGES = {"sr": frozenset({"Cyrl", "Latn"}), "grc": frozenset({"Grek"})}


def check_speakable(script: Script, espeak: Espeak) -> None:
    """Checks keywords, pronunciations and sound-alikes; warns of a keyword in another writing than the language's.

    Raises:
      UserError: for a keyword that is only spelled letter by letter, for phonemes that espeak-ng does not have, and for a
        sound-alike that is spoken as a keyword is.
    """
    pronounced = dict(script.pronunciations)
    for keyword, text in script.pronunciations:
        check_phonemes(espeak, text, script.language, f"--pronounce={f'{keyword}={text}'!r}")
    for keyword in script.keywords:
        if is_phonemes(keyword):
            check_phonemes(espeak, keyword, script.language, f"--synthesize={keyword!r}")
        elif keyword not in pronounced:
            _check_writing(keyword, script.language, espeak)
    spoken = {
        espeak.phonemes(text, script.language): keyword for keyword in script.keywords for text in script.texts_of(keyword)
    }
    for text in script.confusions:
        if is_phonemes(text):
            check_phonemes(espeak, text, script.language, f"--confusions: {text!r}")
        if keyword := spoken.get(espeak.phonemes(text, script.language)):
            raise UserError(
                f"--confusions: {text!r} is spoken as {keyword!r} is; expected words that only sound like it, "
                "which are trained as other words"
            )


def scripts_of(language: str) -> frozenset[str]:
    """The scripts (ISO 15924) that the voices of a language read; empty if that is not known."""
    family = language.split("-")[0]
    if family in _LANGUAGES:
        return _LANGUAGES[family]
    try:
        script = Language.get(language).maximize().script
    except LanguageTagError:  # espeak-ng has voices such as en-us-nyc
        script = Language.get(family).maximize().script
    return _PARTS.get(script, frozenset({script})) if script else frozenset()


def _check_writing(keyword: str, language: str, espeak: Espeak) -> None:
    expected = scripts_of(language)
    foreign = [(script, text) for script, text in _stretches(keyword) if expected and script not in expected]
    if not foreign:
        return
    written = f"{_names({script for script, _ in foreign})}, and they read {_names(expected)}"
    if any(_is_spelled(text, language, espeak) for _, text in foreign):
        raise UserError(
            f"--language={language}: its voices cannot say {keyword!r}, they spell it letter by letter: it is in {written}; "
            f'expected the language of the word, or --pronounce="{keyword}=PHONEMES"'
        )
    LOGGER.warning(f"--language={language}: to its voices {keyword!r} is a foreign word: it is in {written}")


def _stretches(text: str) -> list[tuple[str, str]]:
    """Script and letters of each stretch of a text in one script, in order."""
    words = "".join(
        character if character.isalpha() or unicodedata.category(character)[0] == "M" else " " for character in text
    )
    stretches = []
    for word in words.split():
        groups = itertools.groupby((c for c in word if unicodedata.script(c) not in _COMMON), key=unicodedata.script)
        stretches += [(script, "".join(letters)) for script, letters in groups]
    return stretches


def _is_spelled(text: str, language: str, espeak: Espeak) -> bool:
    """Whether espeak-ng speaks the names of the characters; a text that begins in another language's voice is spoken."""
    if espeak.transcription(text, language).startswith("("):
        return False
    return _flat(espeak, text, language) == "".join(_flat(espeak, character, language) for character in text)


def _flat(espeak: Espeak, text: str, language: str) -> str:
    return "".join(phoneme.lstrip("',%") for phoneme in espeak.phonemes(text, language))


def _names(scripts: set[str] | frozenset[str]) -> str:
    return " and ".join(sorted(unicodedata.script_name(script).replace("_", " ") for script in scripts))
