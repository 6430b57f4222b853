"""Keywords and labels: which recordings of a corpus are of a keyword."""

import numpy as np
from jaxtyping import Int

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips

SILENCE, UNKNOWN = "_silence_", "_unknown_"  # labels of Speech Commands (arXiv 1804.03209): no word, another word


def keyword_labels(clips: Clips, keywords: tuple[str, ...]) -> Int[np.ndarray, "recordings"]:
    """The class of each recording: 1 + the keyword's place, 0 for anything else, -1 where the keyword is part of the label.

    A recording that holds the keyword among other words would be a wrong negative, so it is neither.
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
    """The keywords of `config.keyword`, comma-separated.

    Raises:
      UserError: if there is none.
    """
    keywords = tuple(word.strip().lower() for word in text.split(",") if word.strip())
    if not keywords:
        raise UserError(f"config.keyword={text!r}: expected a keyword, for example alexa")
    return keywords
