"""`config.data.corpus=fake:HOURS`: generated noise as a corpus, to measure the speed of training without recordings."""

import numpy as np
from jaxtyping import Int16

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.layout import NUMBERS, TEXTS

NAME = "fake"
SECONDS = 5  # length of a recording
KINDS = ("speech", "speech", "speech", "noise")
LOUDNESS = 2000  # root mean square of the samples
DEFAULT_HOURS = "0.1"


class FakeClips(Clips):
    """Recordings that are generated when they are read: white noise, seeded by the row."""

    def audio(self, row: int | np.integer) -> Int16[np.ndarray, "samples"]:
        noise = np.random.default_rng(row).standard_normal(int(self.columns["samples"][row]), np.float32)
        return (LOUDNESS * noise).astype(np.int16)


def is_fake(corpus: str) -> bool:
    return corpus.partition(":")[0] == NAME


def fake_clips(corpus: str, keywords: tuple[str, ...]) -> Clips:
    """Creates a corpus of generated noise, three quarters of it marked as speech.

    Args:
      corpus: fake, or fake:HOURS.
      keywords: the labels; the recordings get none and each of them in turn.

    Raises:
      UserError: if HOURS is not a number above 0 and below a million.
    """
    text = corpus.partition(":")[2] or DEFAULT_HOURS
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours < 1e6:
        raise UserError(f"config.data.corpus={corpus}: expected fake, or fake:HOURS with a number of hours above 0")
    count = max(len(KINDS) * (1 + len(keywords)), int(hours * 3600 / SECONDS))
    row = np.arange(count)
    samples = np.full(count, SECONDS * SAMPLE_RATE)
    labels = np.array(("", *keywords), np.dtypes.StringDType())[row // len(KINDS) % (len(keywords) + 1)]
    kinds = np.array(KINDS, np.dtypes.StringDType())[row % len(KINDS)]
    columns = dict.fromkeys(TEXTS, np.zeros(count, np.dtypes.StringDType())) | dict.fromkeys(NUMBERS, np.zeros(count, np.int64))
    columns |= {"id": row.astype(np.dtypes.StringDType()), "kind": kinds, "label": labels, "corpus": np.zeros(count, np.int32)}
    columns |= {"samples": samples, "speech_start": samples // 4, "speech_end": samples // 4 + SAMPLE_RATE // 2}
    return FakeClips(columns, (), np.array([count]), 1)
