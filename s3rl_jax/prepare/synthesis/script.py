"""The script of a synthesised corpus: which keywords and texts are spoken, how much, and by which engines."""

import dataclasses
from pathlib import Path

from s3rl_jax.core.errors import UserError

ENGINES = ("espeak", "flite", "festival", "piper")


@dataclasses.dataclass(frozen=True)
class Script:
    """Keywords, other texts and engines of a synthesised corpus.

    Attributes:
      keywords: words or phrases.
      minutes: of speech in all.
      count: recordings of each keyword, over all splits; 0: a share of the minutes.
      language: an espeak-ng voice name, for example en, de, fr, es.
      texts: other things to say than the built-in English ones. A text that holds a keyword is neither positive nor negative.
      engines: of ENGINES, those that the machine has.
      piper_voices: a folder.
      context_share: of the keywords, those that are spoken before, after or within other speech.
    """

    keywords: tuple[str, ...]
    minutes: float = 60.0
    count: int = 0
    language: str = "en"
    texts: tuple[str, ...] = ()
    engines: tuple[str, ...] = ENGINES
    piper_voices: str = ""
    context_share: float = 0.3


def read_texts(path: str) -> tuple[str, ...]:
    """The lines of a text file.

    Raises:
      UserError: if it cannot be read or has none.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--texts={path}: {error}; expected a UTF-8 text file") from error
    texts = tuple(line.strip() for line in lines if line.strip())
    if not texts:
        raise UserError(f"--texts={path}: no lines; expected a text a line")
    return texts
