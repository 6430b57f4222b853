"""Any sample rate to the model's, by soxr."""

import numpy as np
from jaxtyping import Float32

from s3rl_jax.core.errors import UserError


class Resampler:
    """Resamples one stream; equal rates pass unchanged, and need no soxr.

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
        """The samples that can be computed by now; with `last` all that remain."""
        return samples if self._stream is None else self._stream.resample_chunk(samples, last=last)
