"""Firings of a detector on a group of recordings, and the stretches of audio around them."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.corpus import Clips, read_corpus
from s3rl_jax.corpus.layout import ATTRIBUTES, TEXTS, Recording
from s3rl_jax.detect.firing import SMOOTHING_HOPS, firings, keyword_scores, refractory_hops
from s3rl_jax.evaluate.scoring import Scorer
from s3rl_jax.mine.journal import Firing
from s3rl_jax.prepare.shards import ShardInput

GAP_SECONDS = 0.5  # silence after each recording; a firing in it belongs to the recording
BEFORE_SECONDS, AFTER_SECONDS = 2.0, 0.5  # audio before and after a firing that is kept
GROUP_SECONDS = 300.0  # audio of a group, which is scored at once
CONDITION = "mined"  # `condition` of the stretches in the corpus


@dataclasses.dataclass(frozen=True)
class MinedStretches(ShardInput):
    """Stretches of recordings of a corpus, as the recordings of a new one."""

    corpus: str
    split: str
    stretches: tuple[tuple[int, int, int], ...]  # row of the recording, first sample, one past the last

    def __len__(self) -> int:
        return len(self.stretches)

    @property
    def bytes(self) -> int:
        return sum(2 * (stop - start) for _, start, stop in self.stretches)

    def read(self) -> Iterator[Recording]:
        clips = read_corpus(self.corpus, self.split)
        for row, start, stop in self.stretches:
            audio = clips.audio(row)[start:stop]
            texts = {name: str(clips.columns[name][row]) for name in (*TEXTS, *ATTRIBUTES)}
            texts |= {"id": f"{texts['id']}@{start / SAMPLE_RATE:g}", "condition": CONDITION}
            yield Recording(audio=audio, speech_start=0, speech_end=len(audio), **texts)


def groups_of(clips: Clips, rows: Int[np.ndarray, "recordings"], seconds: float) -> list[Int[np.ndarray, "_"]]:
    """Divides consecutive recordings into groups of about the same length."""
    samples = clips.columns["samples"][rows]
    before = np.cumsum(samples) - samples
    return np.split(rows, np.flatnonzero(np.diff(before // int(seconds * SAMPLE_RATE))) + 1)


def group_firings(
    clips: Clips,
    group: Int[np.ndarray, "recordings"],
    score: Scorer,
    hop: int,
    threshold: float,
    smoothing_hops: int = SMOOTHING_HOPS,
) -> list[Firing]:
    """Scores a group of recordings as one stream, with silence between them, and returns the firings.

    Args:
      clips: recordings of the corpus.
      group: rows of the group.
      score: scorer of the detector.
      hop: samples from one score to the next.
      threshold: lowest smoothed score that fires.
      smoothing_hops: number of hops in the mean.
    """
    gap = np.zeros(int(GAP_SECONDS * SAMPLE_RATE), np.int16)
    pieces = [piece for row in group for piece in (clips.audio(int(row)), gap)]
    ends = np.cumsum([len(piece) for piece in pieces])[1::2].tolist()  # one past the last sample of each gap
    scores = keyword_scores(score(np.concatenate(pieces)), smoothing_hops)
    refractory = refractory_hops(hop, SAMPLE_RATE)
    fired = []
    for first_hop in firings(scores, threshold, refractory).tolist():
        peak = first_hop + int(np.argmax(scores[first_hop : first_hop + refractory]))
        position = (peak + 1) * hop
        place = int(np.searchsorted(ends, position))
        if place == len(group):
            continue  # the firing is after the last gap
        row = int(group[place])
        samples = int(clips.columns["samples"][row])
        position_in_recording = position - (ends[place] - len(gap) - samples)
        start = max(0, position_in_recording - int(BEFORE_SECONDS * SAMPLE_RATE))
        stop = min(samples, position_in_recording + int(AFTER_SECONDS * SAMPLE_RATE))
        fired.append(Firing(row, start, stop, float(scores[peak])))
    return fired
