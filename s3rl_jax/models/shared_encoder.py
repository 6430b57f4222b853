"""Several detectors with the same student as one model: the student runs once, each head keeps its words and its window."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from s3rl_jax.models.detector import AVERAGE, FRAME, KeywordModel
from s3rl_jax.models.head import SILENCE_LOGIT, window_means

HIGHEST_MARGIN = 30.0  # a posterior of 1 in float32; exp of more might overflow


@dataclasses.dataclass(frozen=True)
class SharedEncoder(KeywordModel):
    """A streaming student with several heads of mean pooling.

    The linear layers of the heads are joined into one. Its outputs are margins: the logit of a keyword minus that of "no
    keyword" of the same head. `classes` is the number of all keywords, `window` the longest window.

    Attributes:
      words: number of keywords of each head.
      windows: samples of each head's window.
    """

    words: tuple[int, ...] = ()
    windows: tuple[int, ...] = ()

    def posteriors(self, logits: Float[ArrayLike, "batch outputs"]) -> Float[Array, "batch labels"]:
        """Posterior of each keyword by the softmax of its head. That of label 0 is 1 minus the highest one."""
        head = np.repeat(np.arange(len(self.words)), self.words)
        with jax.named_scope(AVERAGE):
            odds = jnp.exp(jnp.minimum(logits, HIGHEST_MARGIN))
            keywords = odds / (1 + odds @ (head[:, None] == head).astype(np.float32))
            return jnp.concatenate([1 - keywords.max(axis=-1, keepdims=True), keywords], axis=-1)

    def pooled_logits(
        self, params: dict[str, Any], hidden: Float[ArrayLike, "batch time width"]
    ) -> Float[Array, "batch outputs"]:
        """Margins of the windows at the end of clips, from the student's outputs at their frames."""
        with jax.named_scope(AVERAGE):
            return self._stream_logits(self._remembered(self._head(params, hidden[:, -self._pooled :])), 1)[:, 0]

    def _remembered(self, outputs):
        return outputs + 2 * SILENCE_LOGIT  # 0 for silence

    def _stream_logits(self, remembered, hops: int):
        frames_a_hop, means = self.hop // FRAME, []
        for window, columns in self._columns():
            pooled = window // FRAME
            frames = remembered[:, -(pooled + (hops - 1) * frames_a_hop) :, columns]
            means.append(window_means(frames, hops, frames_a_hop, pooled))
        return jnp.concatenate(means, axis=-1) - 2 * SILENCE_LOGIT

    def _columns(self) -> Iterator[tuple[int, slice]]:
        """Yields each window, and the columns of the keywords of consecutive heads with it."""
        first = 0
        for window, heads in itertools.groupby(zip(self.windows, self.words, strict=True), lambda head: head[0]):
            last = first + sum(words for _, words in heads)
            yield window, slice(first, last)
            first = last


def share_encoder(models: Sequence[KeywordModel], params: Sequence[dict[str, Any]]) -> tuple[SharedEncoder, dict[str, Any]]:
    """Joins detectors with mean pooling and the same streaming student.

    Args:
      models: the detectors; those with the same window should follow each other.
      params: parameters of each; the student of the first is used.
    """
    layers = [each["head"]["linear"] for each in params]
    margins = {
        name: np.concatenate([np.asarray(layer[name][..., 1:] - layer[name][..., :1]) for layer in layers], axis=-1)
        for name in layers[0]
    }
    words = tuple(model.classes - 1 for model in models)
    windows = tuple(model.window for model in models)
    first, lead = models[0], max(model.lead for model in models)
    model = SharedEncoder(first.student, sum(words), max(windows), first.hop, lead, words=words, windows=windows)
    return model, params[0] | {"head": {"linear": margins}}
