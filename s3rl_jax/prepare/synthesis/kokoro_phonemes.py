"""espeak-ng's IPA in the alphabet of Kokoro-82M and hibari. The rules are those of misaki (Apache-2.0, hexgrad), with which
these models were trained."""

import re

# ruff: noqa: RUF001 (IPA looks like other letters)
# Where espeak-ng binds two symbols by ^. In order: a rule sees what the ones before it left.
_ALWAYS = (("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("e^ɪ", "A"))
_ENGLISH = (
    ("ʔˌn\u0329", "tn"), ("ʔn\u0329", "tn"), ("ʔn", "tn"), ("ʔ", "t"), ("e", "A"), ("ə^l", "ᵊl"), ("ʲo", "jo"), ("ʲə", "jə"),
    ("ʲ", ""), ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l"), ("\u0303", ""),
)  # fmt: skip
_BRITISH = (("e^ə", "ɛː"), ("iə", "ɪə"), ("ə^ʊ", "Q"))
_AMERICAN = (("o^ʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""))
_OTHER = (("d^z", "ʣ"), ("t^s", "ʦ"), ("o^ʊ", "O"), ("ə^ʊ", "Q"), ("s^s", "S"))


def kokoro_phonemes(ipa: str, accent: str) -> str:
    """Translates what `Espeak.ipa` gives.

    Args:
      ipa: of espeak-ng, with ^ between symbols that are one sound.
      accent: the espeak-ng voice that it comes from.
    """
    british = accent.startswith(("en-gb", "en-029"))
    if accent.split("-")[0] == "en":
        rules = (*_BRITISH[:1], *_ALWAYS, *_ENGLISH, *(_BRITISH[1:] if british else _AMERICAN))
    else:
        rules = (*_ALWAYS, *_OTHER)
    for symbols, replacement in rules:
        ipa = ipa.replace(symbols, replacement)
    if accent.split("-")[0] == "en":
        ipa = re.sub("(\\S)\u0329", "ᵊ\\1", ipa).replace("\u0329", "")  # syllabic consonants
    return ipa.replace("^", "").replace("-", "")
