"""The noise and the impulse responses of a corpus as two arrays, which stay on the accelerator for augmentation."""

import numpy as np
from jaxtyping import Float, Int16

from s3rl_jax.corpus.corpus import Clips


def noise_bank(clips: Clips, samples: int, max_pieces: int) -> Int16[np.ndarray, "pieces {samples}"]:
    """Cuts the corpus's noise into pieces of `samples` samples. A recording that is shorter is repeated.

    If there are more than `max_pieces` pieces, evenly spaced ones are used, and only their recordings are read. Pieces of
    digital silence are left out.
    """
    rows = clips.rows(clips.columns["kind"] == "noise")
    ends = np.cumsum(np.maximum(1, clips.columns["samples"][rows] // samples))
    total = int(ends[-1]) if len(rows) else 0
    chosen = np.linspace(0, total - 1, min(max_pieces, total)).astype(int)
    bank, recording, audio = np.zeros((len(chosen), samples), np.int16), -1, np.zeros(0, np.int16)
    for piece, place in zip(bank, chosen, strict=True):
        if (current := int(np.searchsorted(ends, place, side="right"))) != recording:
            recording, audio = current, clips.audio(rows[current])
        first = (place - (ends[current - 1] if current else 0)) * samples
        piece[:] = np.resize(audio, samples) if len(audio) < samples else audio[first : first + samples]
    return bank[bank.any(axis=1)]  # digital silence cannot be scaled to an SNR


def response_bank(clips: Clips, taps: int) -> Float[np.ndarray, "rooms {taps}"]:
    """Reads the corpus's impulse responses, cut or padded to `taps` samples and scaled to unit energy.

    They begin with the direct sound, as prepare stores them.
    """
    rows = clips.rows(clips.columns["kind"] == "impulse_response")
    bank = np.zeros((len(rows), taps), np.float32)
    for response, row in zip(bank, rows, strict=True):
        audio = clips.audio(row)[:taps].astype(np.float32)
        response[: len(audio)] = audio / max(np.sqrt(np.square(audio).sum()), 1e-6)
    return bank
