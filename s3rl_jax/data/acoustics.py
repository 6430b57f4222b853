"""Noise and rooms of a corpus as two arrays, to be held on the accelerator for augmentation."""

import numpy as np
from jaxtyping import Float, Int16

from s3rl_jax.data.corpus import Clips


def noise_bank(clips: Clips, samples: int, most: int) -> Int16[np.ndarray, "clips samples"]:
    """The corpus's noise cut into pieces of `samples`; short recordings are repeated. At most `most` pieces, evenly."""
    pieces = []
    for row in clips.rows(clips.columns["kind"] == "noise"):
        audio = clips.audio(row)
        audio = np.tile(audio, max(1, -(-samples // len(audio))))
        pieces.append(audio[: len(audio) // samples * samples].reshape(-1, samples))
    if not pieces:
        return np.zeros((0, samples), np.int16)
    bank = np.concatenate(pieces)
    bank = bank[np.abs(bank.astype(np.int32)).max(axis=1) > 0]  # digital silence cannot be scaled to an SNR
    return bank[np.linspace(0, len(bank) - 1, min(most, len(bank))).astype(int)]


def response_bank(clips: Clips, taps: int) -> Float[np.ndarray, "rooms taps"]:
    """The corpus's impulse responses from the direct sound on, cut or padded to `taps`, with unit energy."""
    rows = clips.rows(clips.columns["kind"] == "impulse_response")
    bank = np.zeros((len(rows), taps), np.float32)
    for response, row in zip(bank, rows, strict=True):
        audio = clips.audio(row)[:taps].astype(np.float32)
        response[: len(audio)] = audio / max(np.sqrt(np.square(audio).sum()), 1e-6)
    return bank
