"""Samples from a microphone, hop by hop."""

import sys
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from s3rl_jax.errors import UserError


def listen(sample_rate: int, hop: int) -> Iterator[Float[np.ndarray, "hop"]]:
    """Blocks of `hop` samples in [-1, 1] from the default input, until interrupted.

    Raises:
      UserError: if sounddevice is not installed, or there is no microphone.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: without the PortAudio library
        raise UserError(f"--microphone: {error}; expected the extra: pip install 's3rl_jax[microphone]'") from error
    try:
        with sounddevice.InputStream(samplerate=sample_rate, channels=1, dtype="float32", blocksize=hop) as stream:
            print("listening; Ctrl-C ends", file=sys.stderr)
            while True:
                samples, overflowed = stream.read(hop)
                if overflowed:
                    print("audio was lost: scoring is slower than the microphone", file=sys.stderr)
                yield samples[:, 0]
    except sounddevice.PortAudioError as error:
        raise UserError(f"--microphone: {error}; expected an input device that gives {sample_rate} Hz") from error
