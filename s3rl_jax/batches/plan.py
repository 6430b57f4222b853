"""The plan of a batch: which pieces of which recordings fill each example.

A plan is small and contains no audio. `read_plan` reads its audio from disk; `s3rl_jax.batches.resident` cuts it out of a
corpus on the accelerator.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from s3rl_jax.corpus.corpus import Clips

Plan = dict[str, Any]  # `pieces`, and arrays with a row for each example


class Pieces(NamedTuple):
    """The pieces of recordings that fill each example. Samples that no piece fills are silence.

    Pieces of an example do not overlap. A piece of 0 samples is ignored.

    Attributes:
      recording: row of the recording in the corpus.
      start: first sample of the piece in its recording.
      at: first sample of the piece in the example.
      count: samples of the piece.
    """

    recording: Int[np.ndarray, "examples pieces"]
    start: Int[np.ndarray, "examples pieces"]
    at: Int[np.ndarray, "examples pieces"]
    count: Int[np.ndarray, "examples pieces"]


def read_plan(clips: Clips, plan: Plan, samples: int) -> dict[str, np.ndarray]:
    """Reads the audio of a plan from disk.

    Args:
      clips: the corpus.
      plan: the plan.
      samples: samples of an example.

    Returns:
      `audio` int16 [examples, samples], and the other entries of the plan.
    """
    audio = np.zeros((len(plan["pieces"].recording), samples), np.int16)
    for example, pieces in zip(audio, np.stack(plan["pieces"], axis=-1).tolist(), strict=True):
        for recording, start, at, count in pieces:
            if count:
                example[at : at + count] = clips.audio(recording)[start : start + count]
    return {"audio": audio} | {name: value for name, value in plan.items() if name != "pieces"}
