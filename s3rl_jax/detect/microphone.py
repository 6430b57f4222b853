"""Samples from a microphone, and a level meter for the terminal."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float32

from s3rl_jax.core.errors import UserError, one_line
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.detect.formats import Blocks, Recording

METER = 30  # characters of each of the two bars
FLOOR_DB = -60.0
HIGHEST_CHANNELS = 2


@contextlib.contextmanager
def open_microphone(sample_rate: int, block_seconds: float, device: str | None = None) -> Iterator[Recording]:
    """Opens a microphone, with one channel at the rate of the model if the microphone supports that, else with its default.

    Args:
      sample_rate: rate of the model in Hz.
      block_seconds: length of a block.
      device: number of the microphone in `devices`, or a part of its name; None: the default one.

    Raises:
      UserError: if sounddevice is not installed, or there is no such microphone. Iterating over the blocks raises it if the
        microphone is unplugged.
    """
    sounddevice = sound_card()
    with contextlib.ExitStack() as stack:
        try:
            rate, channels = _settings(sounddevice, sample_rate, _selected(device))
            block = round(block_seconds * rate)
            stream = sounddevice.InputStream(
                samplerate=rate, channels=channels, dtype="float32", blocksize=block, device=_selected(device)
            )
            stack.enter_context(stream)
        except (sounddevice.PortAudioError, ValueError) as error:  # ValueError: no device of that name
            raise _unusable(error) from error
        yield Recording(rate, channels, _blocks(sounddevice, stream, block))


def devices() -> str:
    """Lists the audio inputs and outputs with their numbers, a line each.

    Raises:
      UserError: if sounddevice is not installed.
    """
    return str(sound_card().query_devices()) or "no audio devices"


def sound_card() -> Any:
    """Imports the library of the sound card, sounddevice.

    Raises:
      UserError: if it is not installed, or the PortAudio library is missing.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: without the PortAudio library
        raise UserError(f"microphone: {error}; expected the extra: pip install 's3rl_jax[microphone]'") from error
    return sounddevice


def level_bar(samples: Float32[np.ndarray, "frames channels"]) -> str:
    """Formats the level: a bar, and dB relative to full scale."""
    level = 20 * np.log10(max(float(np.sqrt(np.square(samples).mean())), 1e-6))
    loudness = round(METER * min(max(1 - level / FLOOR_DB, 0.0), 1.0))
    return f"{'=' * loudness:<{METER}} {level:4.0f} dB"


def meter(samples: Float32[np.ndarray, "frames channels"], score: float, threshold: float) -> str:
    """Formats one line: the level in dB relative to full scale, and a bar of the score with a mark at the threshold."""
    filled, mark = round(METER * min(score, 1.0)), min(round(METER * threshold), METER - 1)
    bar = ["#" if i < filled else "." for i in range(METER)]
    bar[mark] = "!" if score >= threshold else "|"
    return f"{level_bar(samples)}   {''.join(bar)} {score:.2f}"


def _settings(sounddevice: Any, sample_rate: int, device: int | str | None) -> tuple[int, int]:
    """Rate and channels to open a microphone with: Windows' WASAPI and many USB microphones support one rate alone."""
    try:
        sounddevice.check_input_settings(device=device, channels=1, dtype="float32", samplerate=sample_rate)
        return sample_rate, 1
    except sounddevice.PortAudioError:
        properties = sounddevice.query_devices(device, "input")
        rate, channels = round(properties["default_samplerate"]), min(properties["max_input_channels"], HIGHEST_CHANNELS)
        LOGGER.info(f"the input gives {rate} Hz, {channels} channels; resampled to {sample_rate} Hz")
        return rate, channels


def _blocks(sounddevice: Any, stream: Any, block: int) -> Blocks:
    try:
        while True:
            samples, overflowed = stream.read(block)
            if overflowed:
                LOGGER.warning("audio was lost: the computation is slower than the microphone")
            yield samples
    except sounddevice.PortAudioError as error:
        raise _unusable(error) from error


def _selected(device: str | None) -> int | str | None:
    return int(device) if device is not None and device.isdigit() else device


def _unusable(error: Exception) -> UserError:
    return UserError(f"microphone: {one_line(error)}; expected an audio input, see --list-devices")
