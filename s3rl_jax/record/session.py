"""A session at the microphone: prompts for a keyword until there are enough good recordings of it."""

import sys
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32

from s3rl_jax.core.errors import UserError, one_line
from s3rl_jax.core.messages import LOGGER, close_status, show_status
from s3rl_jax.detect.formats import Recording
from s3rl_jax.detect.microphone import level_bar, sound_card
from s3rl_jax.detect.mixing import Mixer
from s3rl_jax.detect.resampling import Resampler
from s3rl_jax.record.folder import RecordingFolder
from s3rl_jax.record.quality import fault_of
from s3rl_jax.record.takes import SAMPLE_RATE, Take, TakeCutter

BLOCK_SECONDS = 0.1  # sound between two updates of the meter
ECHO_SECONDS = 0.3  # sound that is left out after a take was played back
REMINDER_SECONDS = 15.0  # without speech


class Session:
    """Prompts, listens, checks each take, and plays a bad one back.

    Args:
      microphone: an open microphone.
      keyword: the keyword to prompt for.
      folder: where good takes are written.
      channel: channel of the microphone; None: all that carry sound are mixed.
    """

    def __init__(self, microphone: Recording, keyword: str, folder: RecordingFolder, channel: int | None = None):
        self._keyword, self._folder = keyword, folder
        self._blocks = microphone.blocks
        self._mixer = Mixer(microphone.rate, channel)
        self._resampler = Resampler(microphone.rate, SAMPLE_RATE)
        self._cutter = TakeCutter()
        self._has_meter = sys.stderr.isatty()

    def record(self, count: int) -> None:
        """Prompts until the folder has `count` recordings of the keyword.

        Raises:
          UserError: if the microphone is unplugged, or lacks the channel. Recordings before that are kept.
        """
        LOGGER.info("Ctrl-C ends; the same command goes on. Be silent for a second: the level of the room is measured.")
        while self._folder.count < count:
            take = self._next_take(f'{self._folder.count + 1} of {count}: say "{self._keyword}"')
            fault = fault_of(take)
            if fault is None:
                LOGGER.info(f"good: {self._folder.add(take).name}")
                continue
            LOGGER.warning(f"{fault}. It is played back; then repeat it")
            if play(take.samples):
                self._skip(len(take.samples) / SAMPLE_RATE + ECHO_SECONDS)

    def _next_take(self, prompt: str) -> Take:
        """Shows the prompt as soon as the level of the room is known, and waits for a take."""
        self._cutter.begin()
        prompted, silent_seconds = False, 0.0
        for samples in self._sound():
            if not self._cutter.measures_room and not prompted:
                LOGGER.info(prompt)
                prompted = True
            take = self._cutter.push(samples)
            if take is not None:
                close_status()
                return take
            silent_seconds += len(samples) / SAMPLE_RATE
            if silent_seconds > REMINDER_SECONDS:
                LOGGER.warning(f"no speech for {REMINDER_SECONDS:g} s; is it the right microphone (--device), and is it on?")
                silent_seconds = 0.0
        raise UserError("microphone: its sound has ended")

    def _skip(self, seconds: float) -> None:
        """Leaves out sound, so that a take that is played back is not taken for speech."""
        left = round(seconds * SAMPLE_RATE)
        for samples in self._sound():
            left -= len(samples)
            if left <= 0:
                return

    def _sound(self) -> Iterator[Float32[np.ndarray, "samples"]]:
        """Yields the sound of the microphone as one channel at 16 kHz, and shows its level in a terminal."""
        for block in self._blocks:
            if self._has_meter:
                show_status(level_bar(block))
            try:
                yield self._resampler.process(self._mixer.process(block))
            except ValueError as error:
                raise UserError(f"--channel: {error}") from error


def play(samples: Float32[np.ndarray, "samples"]) -> bool:
    """Begins to play sound at 16 kHz, at the rate of the default output; false, with a warning, if there is no output."""
    card = sound_card()
    try:
        rate = round(card.query_devices(None, "output")["default_samplerate"])
        card.play(Resampler(SAMPLE_RATE, rate).process(samples, last=True), rate)
    except (card.PortAudioError, ValueError) as error:
        LOGGER.warning(f"not played back: {one_line(error)}")
        return False
    return True
