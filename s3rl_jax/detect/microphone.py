"""Samples from a microphone, hop by hop, and a level meter for the terminal."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER

METER = 30  # characters of each of the two bars
FLOOR_DB = -60.0


def listen(sample_rate: int, hop: int, device: str | None = None) -> Iterator[Float[np.ndarray, "hop"]]:
    """Blocks of `hop` samples in [-1, 1] from an input, until interrupted.

    Args:
      sample_rate: Hz.
      hop: samples.
      device: its number in `devices`, or a part of its name; None: the default input.

    Raises:
      UserError: if sounddevice is not installed, there is no such microphone, or it goes away.
    """
    sounddevice = _sounddevice()
    selected = int(device) if device is not None and device.isdigit() else device
    try:
        with sounddevice.InputStream(
            samplerate=sample_rate, channels=1, dtype="float32", blocksize=hop, device=selected
        ) as stream:
            LOGGER.info("listening; Ctrl-C ends")
            while True:
                samples, overflowed = stream.read(hop)
                if overflowed:
                    LOGGER.warning("audio was lost: scoring is slower than the microphone")
                yield samples[:, 0]
    except (sounddevice.PortAudioError, ValueError) as error:  # ValueError: no device of that name
        raise UserError(
            f"--microphone: {' '.join(str(error).split())}; expected an input that gives {sample_rate} Hz, see --list-devices"
        ) from error


def devices() -> str:
    """The audio inputs and outputs, a line each, with their numbers.

    Raises:
      UserError: if sounddevice is not installed.
    """
    return str(_sounddevice().query_devices()) or "no audio devices"


def meter(samples: Float[np.ndarray, "hop"], score: float, threshold: float) -> str:
    """One line: the level in dB of full scale, and a bar of the score with a mark at the threshold."""
    level = 20 * np.log10(max(float(np.sqrt(np.square(samples).mean())), 1e-6))
    loudness = round(METER * min(max(1 - level / FLOOR_DB, 0.0), 1.0))
    filled, mark = round(METER * min(score, 1.0)), min(round(METER * threshold), METER - 1)
    bar = ["#" if i < filled else "." for i in range(METER)]
    bar[mark] = "!" if score >= threshold else "|"
    return f"{'=' * loudness:<{METER}} {level:4.0f} dB   {''.join(bar)} {score:.2f}"


def _sounddevice():
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: without the PortAudio library
        raise UserError(f"--microphone: {error}; expected the extra: pip install 's3rl_jax[microphone]'") from error
    return sounddevice
