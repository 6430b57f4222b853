"""Streams of posteriors that are hard on a copy of the firing rule, with the answer of detect/firing.py."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from s3rl_jax.detect.firing import FiringState, keyword_scores


class Stream(NamedTuple):
    """Posteriors in float32, the settings, and what `FiringState` answers: a score and a class (0: no firing) at each hop."""

    posteriors: Float[np.ndarray, "hops classes"]
    smoothing: int
    threshold: float
    refractory: int
    scores: list[float]
    keywords: list[int]


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
        smoothing, refractory = int(rng.integers(1, 9)), int(rng.integers(0, 15))
        threshold = float(rng.choice([*keyword_scores(posteriors, smoothing), 0.0, 1.0, np.float32(0.3)]))
        streams.append(stream(posteriors, smoothing, threshold, refractory))
    return streams


def stream(posteriors: Float[np.ndarray, "hops classes"], smoothing: int, threshold: float, refractory: int) -> Stream:
    state = FiringState(threshold, refractory, smoothing)
    steps = [state.step(hop) for hop in posteriors]
    scores, keywords = [float(step.score) for step in steps], [step.keyword or 0 for step in steps]
    return Stream(posteriors, smoothing, threshold, refractory, scores, keywords)


DEAFNESS = [
    (hop, 16_000, seconds) for hop in (160, 320, 640, 1280, 1600, 2560, 3840, 12_800) for seconds in (0.1, 1.0, 2.0, 3.3)
]
