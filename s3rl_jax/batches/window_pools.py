"""Sorts the recordings of a corpus into pools from which labelled windows are drawn: keywords, other speech, noise."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Int
from ml_collections import ConfigDict

from s3rl_jax.batches.crop_index import CropIndex
from s3rl_jax.batches.mixture import Mixture, corpus_weights
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import SILENCE, left_out_of, speech_classes

NAMED_LABELS = 12  # the most labels of the corpus that an error lists


@dataclasses.dataclass(frozen=True)
class WindowPools:
    """The class of each recording, and the pools that windows are drawn from.

    Attributes:
      classes: 1 + index of the keyword; 0 for other speech and for noise; -1 for recordings that are not used.
      labels: label of a window of the recording: as `classes`, but noise has the class of SILENCE if that is a keyword.
      pools: each pool is the keywords, the other speech, or the noise of one corpus.
      mixture: shares of the pools.
      negatives: other speech of all corpora, which fills windows around short recordings.
    """

    classes: Int[np.ndarray, "recordings"]
    labels: Int[np.ndarray, "recordings"]
    pools: tuple[CropIndex, ...]
    mixture: Mixture
    negatives: CropIndex

    def recordings_at(self, positions: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
        """Recording at each position of the endless stream of windows."""
        pools, numbers = self.mixture.records_at(positions, [len(pool) for pool in self.pools])
        recordings = np.empty_like(numbers)
        for i, pool in enumerate(self.pools):
            recordings[pools == i], _ = pool.locate(numbers[pools == i])
        return recordings


def sort_recordings(clips: Clips, keywords: tuple[str, ...], samples: int, seed: int, settings: ConfigDict) -> WindowPools:
    """Classifies the recordings and divides them into pools.

    Args:
      clips: the training split.
      keywords: the keywords, in lower case.
      samples: samples of a window.
      seed: seed of all choices.
      settings: `config.data`: `context_probability`, `keyword_clips`, and `mixture`, which has weights for `keyword`,
        `negative` and `noise`, and for the `corpora` within each of them.

    Raises:
      UserError: if there is no recording of a keyword, or none of other speech where it is needed, or for weights out of
        range.
    """
    kind = clips.columns["kind"]
    classes = speech_classes(clips, keywords)
    _check_keywords(clips, classes, keywords)
    left_out_of(classes)
    classes = _limited(clips, classes, settings.get("keyword_clips", 0), seed)
    labels = np.where(kind == "noise", keywords.index(SILENCE) + 1, classes) if SILENCE in keywords else classes
    negative = (kind == "speech") & (classes == 0)
    if not negative.any() and (settings.mixture.negative or settings.context_probability):
        raise UserError(
            "config.data.corpus: no other speech than the keyword; negatives are needed, unless "
            "config.data.mixture.negative and config.data.context_probability are 0"
        )
    # A recording of a keyword is drawn once an epoch; other recordings once for each window that they could fill.
    counts = np.where(classes > 0, 1, np.maximum(1, clips.columns["samples"] // samples))
    members = {"keyword": classes > 0, "negative": negative, "noise": kind == "noise"}
    pools, weights = _pools(clips, members, counts, settings.mixture)
    # Without negatives context_probability is 0, and the recordings that are drawn as context fill no samples.
    context = clips.rows(negative if negative.any() else classes > 0)
    return WindowPools(classes, labels, pools, Mixture.of(weights, seed), CropIndex.of(context, counts[context]))


def _check_keywords(clips: Clips, classes: Int[np.ndarray, "recordings"], keywords: tuple[str, ...]) -> None:
    kind = clips.columns["kind"]
    for i, keyword in enumerate(keywords):
        if not (classes == i + 1).any() and not (keyword == SILENCE and (kind == "noise").any()):
            labels = sorted({str(label) for label in clips.columns["label"][kind == "speech"] if label})
            raise UserError(
                f"config.keyword={keyword}: no recording in the train split has that label; the corpus has "
                f"{', '.join(labels[:NAMED_LABELS])}{' ...' if len(labels) > NAMED_LABELS else ''}"
            )


def _limited(clips: Clips, classes: Int[np.ndarray, "n"], count: int, seed: int) -> Int[np.ndarray, "n"]:
    """Keeps `count` recordings of each keyword in the first corpus, and sets the class of the others to -1; 0 keeps all.

    Raises:
      UserError: for a negative count.
    """
    if count < 0:
        raise UserError(f"config.data.keyword_clips={count}: expected a number of recordings, or 0 for all")
    limited = classes.copy()
    for keyword in range(1, classes.max() + 1) if count else ():
        rows = clips.rows((classes == keyword) & (clips.columns["corpus"] == 0))
        limited[np.random.default_rng((seed, keyword)).permutation(rows)[count:]] = -1
    return limited


def _pools(
    clips: Clips, members: dict[str, Bool[np.ndarray, "n"]], counts: Int[np.ndarray, "n"], mixture: ConfigDict
) -> tuple[tuple[CropIndex, ...], list[float]]:
    """Creates the pools: one for each kind of recording (a key of `members`) and each corpus that has such recordings.

    Returns:
      The pools, and their weights.

    Raises:
      UserError: if all corpora with recordings of a kind have weight 0.
    """
    pools, weights = [], []
    for name, chosen in members.items():
        amounts = np.bincount(clips.columns["corpus"][chosen], counts[chosen], minlength=clips.corpora)
        share = corpus_weights(mixture, amounts)
        if amounts.any() and not share.any():
            raise UserError(f"config.data.mixture.corpora: every corpus with {name} recordings has weight 0")
        for corpus in np.flatnonzero(share):
            rows = clips.rows(chosen & (clips.columns["corpus"] == corpus))
            pools.append(CropIndex.of(rows, counts[rows]))
            weights.append(mixture[name] * share[corpus] / share.sum())
    return tuple(pools), weights
