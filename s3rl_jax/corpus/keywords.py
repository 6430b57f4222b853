"""Keywords: how a config names them, which recordings are of them, and the folders that are named after them."""

import hashlib
import re
import unicodedata

import numpy as np
from jaxtyping import Int

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.text import PHONEMES, holds, is_phonemes, same, spoken

SILENCE, UNKNOWN = "_silence_", "_unknown_"  # labels of Speech Commands (arXiv 1804.03209): no word, another word
SLUG_LENGTH = 40
PARTIAL = -1  # the class of a recording that holds a keyword among other words


def keyword_labels(clips: Clips, keywords: tuple[str, ...]) -> Int[np.ndarray, "recordings"]:
    """The class of each recording, from its label.

    1 + the keyword's place where the label is the keyword. 0 where the label holds no keyword. Where it holds a keyword among
    other words, the recording is of the keyword if the corpus says where the word is (column `placed`) and the keyword is
    the only one; else PARTIAL: as a negative it would be wrong, and as a positive nobody knows which part of it.
    """
    labels = [str(label) for label in clips.columns["label"]]
    placed = clips.columns.get("placed", np.zeros(len(labels), bool)).tolist()
    table = {key: label_class(*key, keywords) for key in set(zip(labels, placed, strict=True))}
    return np.array([table[key] for key in zip(labels, placed, strict=True)], np.int32)


def label_class(label: str, placed: bool, keywords: tuple[str, ...]) -> int:
    """The class of a recording with that label, as `keyword_labels` defines it; `placed`: whether the word's place is known."""
    for place, keyword in enumerate(keywords):
        if _is(label, keyword):
            return place + 1
    contained = [place for place, keyword in enumerate(keywords) if _holds(label, keyword)]
    if not contained:
        return 0
    return contained[0] + 1 if placed and len(contained) == 1 else PARTIAL


def speech_classes(clips: Clips, keywords: tuple[str, ...], others: int = 0) -> Int[np.ndarray, "recordings"]:
    """`keyword_labels` of speech, and `others` for all recordings that are no speech, whatever their label."""
    return np.where(clips.columns["kind"] == "speech", keyword_labels(clips, keywords), others)


def left_out_of(classes: Int[np.ndarray, "recordings"]) -> int:
    """The number of recordings that are used for nothing, because their class is PARTIAL; warns of them."""
    count = int((classes == PARTIAL).sum())
    if count:
        recordings, are = ("recording", "is") if count == 1 else ("recordings", "are")
        LOGGER.warning(
            f"{count} {recordings} whose label holds a keyword among other words {are} used neither as positives nor as "
            "negatives; the manifest's columns word_start_s and word_end_s say where the word is"
        )
    return count


def parse_keywords(text: str) -> tuple[str, ...]:
    """The keywords of `config.keyword`, comma-separated, in lower case but for phonemes.

    Raises:
      UserError: as `split_keywords`.
    """
    return tuple(word if is_phonemes(word) else word.lower() for word in split_keywords(text, "config.keyword"))


def split_keywords(text: str, field: str) -> tuple[str, ...]:
    """The keywords of a comma-separated text, as they are written.

    Raises:
      UserError: naming `field`, if there is no keyword, one without letters and digits, or two that say the same.
    """
    keywords: list[str] = []
    for part in re.split(r",(?![^\[]*\]\])", text):  # phonemes may have a comma: secondary stress
        keyword = part.strip() if is_phonemes(part) else " ".join(part.split())
        if not keyword:
            continue
        if not spoken(keyword).letters.strip("[] "):
            raise UserError(f"{field}={text!r}: {keyword!r} has no letters; expected a keyword, for example alexa")
        if twin := next((other for other in keywords if _is(keyword, other)), None):
            raise UserError(f"{field}={text!r}: {twin!r} and {keyword!r} say the same; expected each keyword once")
        keywords.append(keyword)
    if not keywords:
        raise UserError(f"{field}={text!r}: expected a keyword, for example alexa")
    return tuple(keywords)


def folder_name(text: str) -> str:
    """A folder name for what a user typed as keywords: ASCII letters and digits, never the same for two texts.

    Plain words are their own name, with _ for a space: hey_jarvis. Any other text gets a digest: hey_jarvis-6f0c1b2a.
    Case does not matter, except in phonemes.
    """
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    plain = plain if PHONEMES[0] in plain else plain.lower()
    if re.fullmatch(r"[a-z0-9]+( [a-z0-9]+)*", plain) and len(plain) <= SLUG_LENGTH:
        return plain.replace(" ", "_")
    slug = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:SLUG_LENGTH]
    digest = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug or 'keyword'}-{digest}"


def _is(label: str, keyword: str) -> bool:
    """Whether they say the same. The labels of Speech Commands that are no word are the same only as they stand."""
    if {label.strip(), keyword} & {SILENCE, UNKNOWN}:
        return label.strip() == keyword
    return same(label, keyword)


def _holds(label: str, keyword: str) -> bool:
    return not {label.strip(), keyword} & {SILENCE, UNKNOWN} and holds(label, keyword)
