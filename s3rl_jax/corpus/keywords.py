"""Keywords, and which recordings of a corpus are one: how labels are compared with what is to be detected."""

import numpy as np

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips

SILENCE, UNKNOWN = "_silence_", "_unknown_"  # as Speech Commands calls what is no word, and what is another one


def keyword_labels(clips: Clips, keywords: tuple[str, ...]) -> np.ndarray:
    """Class of each record: 1 + the keyword's place, 0 for anything else, -1 where a keyword is only part of the text.

    A recording of which the keyword is a part would be a wrong negative; it is used for neither.
    """
    texts = [str(text).strip().lower() for text in clips.columns["label"]]
    classes = np.zeros(len(texts), np.int32)
    for place, keyword in enumerate(keywords):
        for i, text in enumerate(texts):
            if text == keyword:
                classes[i] = place + 1
            elif f" {keyword} " in f" {text} ":
                classes[i] = -1
    return classes


def parse_keywords(text: str) -> tuple[str, ...]:
    """`config.keyword`: one keyword or several, comma-separated."""
    keywords = tuple(word.strip().lower() for word in text.split(",") if word.strip())
    if not keywords:
        raise UserError(f"config.keyword={text!r}: expected a keyword, for example alexa")
    return keywords
