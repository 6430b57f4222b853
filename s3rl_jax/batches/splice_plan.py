"""Examples as a plan: which piece of which recording goes where. A plan is small; it is carried out here, from disk, or
on the accelerator, from the corpus held there (`s3rl_jax.batches.resident`)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from s3rl_jax.corpus.corpus import Clips


class Splices(NamedTuple):
    """For each example, the pieces of recordings that fill it; what no piece fills is silence. All in samples.

    Pieces of an example do not overlap; one of no samples is none.
    """

    recording: Int[np.ndarray, "examples pieces"]  # rows of the corpus
    start: Int[np.ndarray, "examples pieces"]  # in the recording
    at: Int[np.ndarray, "examples pieces"]  # in the example
    count: Int[np.ndarray, "examples pieces"]


def carry_out(clips: Clips, plan: dict, samples: int) -> dict[str, np.ndarray]:
    """A plan with its `splices` read from disk, as `audio` int16 [examples, samples]."""
    audio = np.zeros((len(plan["splices"].recording), samples), np.int16)
    for example, pieces in zip(audio, np.stack(plan["splices"], axis=-1).tolist(), strict=True):
        for recording, start, at, count in pieces:
            if count:
                example[at : at + count] = clips.audio(recording)[start : start + count]
    return {"audio": audio} | {name: value for name, value in plan.items() if name != "splices"}
