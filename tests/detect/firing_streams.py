"""Streams of posteriors that are hard on a copy of the firing rule, with the answer of detect/firing.py."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from s3rl_jax.detect.firing import FiringRule, FiringState, keyword_scores, smooth

HOUR = 22_500  # hops of 0.16 s


class Stream(NamedTuple):
    """Posteriors in float32, the rule, and what `FiringState` answers: a score and a class (0: no firing) at each hop."""

    posteriors: Float[np.ndarray, "hops classes"]
    rule: FiringRule
    scores: list[float]
    keywords: list[int]


@functools.cache
def hard_streams(count: int = 60) -> list[Stream]:
    """Random streams with thresholds that are exactly one of their scores, ties between keywords, steps, zeros and ones."""
    rng, streams = np.random.default_rng(0), []
    for i in range(count):
        hops, classes = int(rng.integers(1, 120)), int(rng.integers(2, 8))
        posteriors = rng.dirichlet(np.full(classes, 0.3), hops)
        if i % 4 == 1:  # long plateaus
            posteriors = np.repeat(posteriors[::7], 7, axis=0)[:hops]
        elif i % 4 == 2:  # keywords that tie
            posteriors[:, 1:] = posteriors[:, 1:2]
        elif i % 4 == 3:  # certain of one class
            posteriors = np.eye(classes)[rng.integers(0, classes, hops)]
        posteriors = posteriors.astype(np.float32)
        streams.append(stream(posteriors, random_rule(rng, posteriors, 1 if i % 2 else classes - 1)))
    return streams


@functools.cache
def hour_streams() -> list[Stream]:
    """An hour of one keyword, and one of three, that come and stay for a while."""
    rng, streams = np.random.default_rng(1), []
    for classes in (2, 4):
        logits = np.cumsum(rng.normal(0, 1, (HOUR, classes)), axis=0)
        logits -= np.array([np.convolve(column, np.full(200, 1 / 200), "same") for column in logits.T]).T
        posteriors = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        rule = FiringRule((0.4,) * (classes - 1), tuple(range(3, 2 + classes)), patience=3, rearm=0.5)
        streams.append(stream(posteriors.astype(np.float32), rule))
    return streams


def random_rule(rng: np.random.Generator, posteriors: Float[np.ndarray, "hops classes"], thresholds: int) -> FiringRule:
    smoothing = int(rng.integers(1, 9))
    scores = keyword_scores(posteriors, smoothing) if thresholds == 1 else smooth(posteriors, smoothing)[:, 1:].ravel()
    return FiringRule(
        tuple(float(rng.choice([*scores, 0.0, 1.0, 0.3])) for _ in range(thresholds)),
        tuple(int(hops) for hops in rng.integers(0, 15, thresholds)),
        smoothing,
        patience=int(rng.choice([1, 1, 2, 3, 4])),
        rearm=None if rng.random() < 0.4 else float(rng.choice([0.0, 0.3, 0.5, 1.0])),
    )


def stream(posteriors: Float[np.ndarray, "hops classes"], rule: FiringRule) -> Stream:
    state = FiringState(rule)
    steps = [state.step(hop) for hop in posteriors]
    return Stream(posteriors, rule, [float(step.score) for step in steps], [step.keyword or 0 for step in steps])


DEAFNESS = [
    (hop, 16_000, seconds) for hop in (160, 320, 640, 1280, 1600, 2560, 3840, 12_800) for seconds in (0.1, 1.0, 2.0, 3.3)
]
