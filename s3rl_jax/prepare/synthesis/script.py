"""The script of a synthesised corpus: which keywords and texts are spoken, how much, and by which engines."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.text import holds, is_phonemes, spoken

# Shares of the clips, of those engines that the machine has. Kokoro has the most speakers and sounds most like people.
DEFAULT_ENGINES = "kokoro=6,hibari=1,piper=1,espeak=2,flite=0.5,festival=0.5"
ENGINES = tuple(part.split("=")[0] for part in DEFAULT_ENGINES.split(","))


@dataclasses.dataclass(frozen=True)
class Script:
    """Keywords, other texts and engines of a synthesised corpus.

    Attributes:
      keywords: words or phrases.
      minutes: of speech in all.
      count: recordings of each keyword, over all splits; 0: a share of the minutes.
      language: an espeak-ng voice name, for example en, de, fr, es.
      texts: other things to say than the built-in English ones. A text that holds a keyword is neither positive nor negative.
      engines: the share of each engine in the clips; those that the machine does not have are left out.
      kokoro_voices: a folder of more styles for Kokoro.
      piper_voices: a folder of voices for Piper.
      context_share: of the keywords, those that are spoken before, after or within other speech.
      pronunciations: keywords and their phonemes in double square brackets, instead of what the language makes of them.
      confusions: further words that sound like a keyword; text, or phonemes in double square brackets.
    """

    keywords: tuple[str, ...]
    minutes: float = 60.0
    count: int = 0
    language: str = "en"
    texts: tuple[str, ...] = ()
    engines: Mapping[str, float] = dataclasses.field(default_factory=lambda: read_engines(DEFAULT_ENGINES))
    kokoro_voices: str = ""
    piper_voices: str = ""
    context_share: float = 0.3
    pronunciations: tuple[tuple[str, str], ...] = ()
    confusions: tuple[str, ...] = ()

    def texts_of(self, keyword: str) -> tuple[str, ...]:
        """The texts that a voice is given to speak a keyword: its pronunciations, or itself."""
        return tuple(text for word, text in self.pronunciations if word == keyword) or (keyword,)

    def is_by_phonemes(self, keyword: str) -> bool:
        """Whether only voices that read phonemes can speak a keyword."""
        return is_phonemes(self.texts_of(keyword)[0])


def read_engines(text: str) -> dict[str, float]:
    """Engines and their shares, from `kokoro=6,espeak`; without a number the share is 1.

    Raises:
      UserError: for an unknown engine, or a share that is no number above 0.
    """
    shares: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, share = part.partition("=")
        if name not in ENGINES:
            raise UserError(f"--engines: {name}; expected some of {', '.join(ENGINES)}")
        try:
            shares[name] = float(share or 1)
        except ValueError:
            shares[name] = 0.0
        if not 0 < shares[name] < float("inf"):
            raise UserError(f"--engines: {part}; expected a share above 0, for example {name}=2")
    if not shares:
        raise UserError(f"--engines={text}: expected some of {', '.join(ENGINES)}")
    return shares


def read_texts(path: str) -> tuple[str, ...]:
    """The lines of `--texts`, a UTF-8 file.

    Raises:
      UserError: if it cannot be read or has none.
    """
    return tuple(text for _, text in _lines(path, "--texts"))


def read_confusions(path: str, keywords: tuple[str, ...]) -> tuple[str, ...]:
    """The lines of `--confusions`, a UTF-8 file of words that sound like a keyword.

    Raises:
      UserError: if it cannot be read or has none; naming the line, for one without letters or that holds a keyword.
    """
    texts = []
    for number, text in _lines(path, "--confusions"):
        where = f"--confusions={path}, line {number}: {text!r}"
        if not spoken(text).letters:
            raise UserError(f"{where} has no letters; expected a word that sounds like {', '.join(keywords)}")
        if keyword := next((keyword for keyword in keywords if holds(text, keyword)), None):
            raise UserError(f"{where} holds {keyword!r}; expected words that only sound like it")
        texts.append(text)
    return tuple(dict.fromkeys(texts))


def _lines(path: str, flag: str) -> list[tuple[int, str]]:
    """Number and text of each line of a file that is not blank."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{flag}={path}: {error}; expected a UTF-8 text file") from error
    texts = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not texts:
        raise UserError(f"{flag}={path}: no lines; expected a text a line")
    return texts
