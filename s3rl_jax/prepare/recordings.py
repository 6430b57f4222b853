"""Turns the samples of a file into the recordings to store: speech bounds, direct sound, segments."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int16

from s3rl_jax.audio.power import frame_power
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.layout import Recording
from s3rl_jax.prepare.sources.manifest import ManifestRow

FRAME = 320  # samples, 20 ms
BELOW_PEAK_DB = 25.0


def recording_of(row: ManifestRow, name: str, audio: Int16[np.ndarray, "samples"]) -> Recording:
    """Creates the whole recording of a row.

    Its speech bounds are the row's word bounds, else the row's speech bounds, else those that `speech_bounds` estimates. An
    impulse response is cut to begin at its peak, the direct sound.

    Args:
      row: the row.
      name: id of the recording.
      audio: samples of the file at 16 kHz.
    """
    if row.kind == "impulse_response":
        audio = audio[int(np.abs(audio.astype(np.int32)).argmax()) :]
    placed = 0 <= row.word_start_s < row.word_end_s
    start, end = (row.word_start_s, row.word_end_s) if placed else (row.speech_start_s, row.speech_end_s)
    if row.kind == "speech" and not 0 <= start < end:
        first, last = speech_bounds(audio)
    else:
        first = min(max(int(start * SAMPLE_RATE), 0), len(audio))
        last = min(int(end * SAMPLE_RATE), len(audio)) if end > start else len(audio)
    names = {field.name for field in dataclasses.fields(Recording)}
    text = {field.name: getattr(row, field.name) for field in dataclasses.fields(row) if field.name in names}
    return Recording(id=name, audio=audio, speech_start=first, speech_end=last, placed=placed, **text)


def split_recording(recording: Recording, segment: int, overlap: int) -> Iterator[Recording]:
    """Cuts a recording into segments of `segment` samples, which overlap by `overlap` samples.

    Recordings no longer than a segment, impulse responses and labelled speech stay whole: the word of a label may be
    anywhere.
    """
    total = len(recording.audio)
    labelled = recording.kind == "speech" and bool(recording.label)
    if total <= segment or recording.kind == "impulse_response" or labelled:
        yield recording
        return
    for start in range(0, total - overlap, segment - overlap):
        audio = recording.audio[start : start + segment]
        first, last = speech_bounds(audio) if recording.kind == "speech" else (0, len(audio))
        name = f"{recording.id}@{start / SAMPLE_RATE:g}"
        yield dataclasses.replace(recording, id=name, audio=audio, speech_start=first, speech_end=last)


def speech_bounds(audio: Int16[np.ndarray, "samples"]) -> tuple[int, int]:
    """Estimates the bounds of speech: from the first to the last 20 ms frame within 25 dB of the loudest one's energy.

    Returns:
      First sample of the speech, and one past its last.
    """
    power = frame_power(audio, FRAME)
    if not len(power):
        return 0, len(audio)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-BELOW_PEAK_DB / 10))
    return int(loud[0]) * FRAME, (int(loud[-1]) + 1) * FRAME
