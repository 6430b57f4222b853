"""The faults of a take for which it has to be repeated."""

import numpy as np

from s3rl_jax.record.takes import LONGEST_FRAMES, Take

FULL_SCALE = 0.98  # a sample above it was clipped; resampling moves clipped samples a little
CLIPPED_SAMPLES = 3
QUIETEST_DB = -45.0
LEAST_ABOVE_ROOM_DB = 12.0


def fault_of(take: Take) -> str | None:
    """Says what is wrong with a take and what helps; None: it is good.

    A take is cut off if it begins or ends in speech, too loud if it reaches full scale, and too quiet below -45 dB of full
    scale or less than 12 dB above the room.
    """
    if take.begins_in_speech:
        return "cut off: it begins in the middle of the speech; wait for the prompt, then speak"
    if take.ends_in_speech:
        return f"cut off: there is no pause within {LONGEST_FRAMES * 0.02:g} s; speak the keyword alone, then be silent"
    if int((np.abs(take.samples) >= FULL_SCALE).sum()) >= CLIPPED_SAMPLES:
        return "too loud: it reaches full scale; move away from the microphone, or lower its gain"
    if take.level_db < QUIETEST_DB:
        return f"too quiet: {take.level_db:.0f} dB; move to the microphone, or raise its gain"
    if take.level_db < take.room_db + LEAST_ABOVE_ROOM_DB:
        return (
            f"too quiet: {take.level_db - take.room_db:.0f} dB above the noise of the room; speak up, or make the room quieter"
        )
    return None
