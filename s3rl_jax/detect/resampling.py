"""Resampling of a stream to the model's rate, by soxr."""

import numpy as np
from jaxtyping import Float32

from s3rl_jax.core.errors import UserError


class Resampler:
    """Resamples one stream. Equal rates pass unchanged, and need no soxr.

    Args:
      rate: rate of the stream in Hz.
      target: rate of the result in Hz.

    Raises:
      UserError: if soxr is needed and not installed.
    """

    def __init__(self, rate: int, target: int):
        self._stream = None
        if rate != target:
            try:
                import soxr
            except ImportError:
                raise UserError(f"{rate} Hz; expected {target} Hz, or soxr: pip install 's3rl_jax[runtime]'") from None
            self._stream = soxr.ResampleStream(rate, target, 1, dtype="float32")

    def process(self, samples: Float32[np.ndarray, "samples"], last: bool = False) -> Float32[np.ndarray, "resampled"]:
        """Returns the samples that can be computed so far; with `last`, all that remain."""
        return samples if self._stream is None else self._stream.resample_chunk(samples, last=last)
