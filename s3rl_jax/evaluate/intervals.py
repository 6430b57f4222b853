"""95 % intervals: of a share, of a count, and of a share of words that are correlated within each speaker."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from scipy import stats

BOOTSTRAP_DRAWS = 2000


def wilson(events: int, trials: int) -> tuple[float, float]:
    """95 % interval of the share events / trials (Wilson 1927)."""
    interval = stats.binomtest(events, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def poisson(events: int) -> tuple[float, float]:
    """Exact 95 % interval of the expected number of events, given that `events` were counted (Garwood 1936)."""
    low = float(stats.chi2.ppf(0.025, 2 * events) / 2) if events else 0.0
    return low, float(stats.chi2.ppf(0.975, 2 * (events + 1)) / 2)


def poisson_upper(events: int) -> float:
    """One-sided 95 % bound of the expected number of events, given that `events` were counted."""
    return float(stats.chi2.ppf(0.95, 2 * (events + 1)) / 2)


def speaker_interval(missed: Bool[np.ndarray, "words"], speakers: Sequence[str]) -> list[float] | None:
    """95 % interval of the false reject rate, by a percentile bootstrap over speakers.

    None if no word is missed, if all words are, or if there is one speaker: resampling changes nothing then.

    Args:
      missed: whether each word is missed.
      speakers: speaker of each word.
    """
    names, speaker_of_word = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    if len(names) < 2 or missed.all() or not missed.any():
        return None
    missed_words, all_words = np.bincount(speaker_of_word, missed), np.bincount(speaker_of_word)
    interval = stats.bootstrap(
        (missed_words, all_words),
        lambda missed_words, all_words, axis: missed_words.sum(axis) / all_words.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=BOOTSTRAP_DRAWS,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return [float(interval.low), float(interval.high)]
