"""Degradations of a stream: noise, rooms, codecs. All are functions of the stream and a seed."""

import io
from typing import NamedTuple

import numpy as np
import soundfile
from jaxtyping import Float, Int, Shaped
from scipy import signal

from s3rl_jax.audio.read import SAMPLE_RATE, to_int16
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.evaluate.stream import Stream

OPUS_LEVEL = 0.96  # libsndfile's compression level, 0 to 1; this one gives some 16 kbit/s
CODEC_MINUTES = 5  # length of the pieces that are encoded
NOISE = "noise"  # label for noise recordings without a label
NOISE_LEVEL = 1000.0  # root mean square of each noise recording in a track, in int16 units


class NoiseTrack(NamedTuple):
    """Noise recordings one after the other, repeated.

    Attributes:
      audio: samples in the range of int16.
      starts: first sample and label of each recording.
    """

    audio: Float[np.ndarray, "samples"]
    starts: tuple[tuple[int, str], ...]


def with_noise(stream: Stream, clips: Clips, snr_db: float, seed: int, kind: str = "") -> Stream:
    """Adds the split's noise recordings, in shuffled order, to the stream.

    The power of the noise is `snr_db` below that of each clip's speech, between its speech bounds. It applies from the middle
    of the gap before the clip to the middle of the gap after it. For clips without speech, the gain is the median one.

    Args:
      stream: the clean stream.
      clips: recordings of the split.
      snr_db: signal-to-noise ratio in dB; may be negative.
      seed: seed of the order.
      kind: label of the noise recordings to use; empty: all.
    """
    rng = np.random.default_rng((seed, 1))
    rows = rng.permutation(clips.rows(clips.columns["kind"] == "noise"))
    selected = [row for row in rows if not kind or noise_label(clips, row) == kind]
    track = noise_track(clips, np.array(selected), len(stream.audio))
    speech = np.array([power(stream.audio[clip.speech_start : clip.speech_stop]) for clip in stream.clips])
    background = np.array([power(track.audio[clip.start : clip.stop]) for clip in stream.clips])
    gains = np.sqrt(speech / np.maximum(background, 1e-3) * 10 ** (-snr_db / 10))
    is_speech = np.array([clip.kind == "speech" for clip in stream.clips])
    gains = np.where(is_speech, gains, np.median(gains[is_speech]))
    edges = [(a.stop + b.start) // 2 for a, b in zip(stream.clips[:-1], stream.clips[1:], strict=True)]
    bounds, mixed = [0, *edges, len(track.audio)], np.empty_like(stream.audio)
    # Clip by clip, because hours of float32 take gigabytes.
    for begin, end, gain in zip(bounds[:-1], bounds[1:], gains.astype(np.float32), strict=True):
        loud = stream.audio[begin:end].astype(np.float32) + track.audio[begin:end] * gain
        mixed[begin:end] = to_int16(loud / 32768)
    return Stream(mixed, stream.clips, track.starts)


def reverberant(stream: Stream, clips: Clips, seed: int) -> Stream:
    """Convolves each clip with one of the split's impulse responses, in shuffled order.

    Clips keep their power, and their position: an impulse response begins with its direct sound.
    """
    rng = np.random.default_rng((seed, 2))
    rows = rng.permutation(clips.rows(clips.columns["kind"] == "impulse_response"))
    rooms = [direct_sound_first(clips.audio(row).astype(np.float64)) for row in rows]
    mixed = np.zeros(len(stream.audio) + max(map(len, rooms)))
    for number, clip in enumerate(stream.clips):
        dry = stream.audio[clip.start : clip.stop].astype(np.float64)
        wet = signal.fftconvolve(dry, rooms[number % len(rooms)])
        level = np.sqrt(power(dry) / max(power(wet[: len(dry)]), 1e-9))
        mixed[clip.start : clip.start + len(wet)] += level * wet
    return Stream(to_int16(mixed[: len(stream.audio)] / 32768), stream.clips)


def through_codec(stream: Stream) -> Stream:
    """Encodes the stream with Opus at some 16 kbit/s and decodes it, as a headset or a call does."""
    pieces, size = [], CODEC_MINUTES * 60 * SAMPLE_RATE
    for first in range(0, len(stream.audio), size):
        piece, file = stream.audio[first : first + size], io.BytesIO()
        soundfile.write(file, piece, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL)
        file.seek(0)
        decoded = soundfile.read(file, dtype="int16")[0][: len(piece)]
        pieces.append(np.pad(decoded, (0, len(piece) - len(decoded))))
    return Stream(np.concatenate(pieces), stream.clips)


def noise_label(clips: Clips, row: int | np.integer) -> str:
    """Label of a noise recording; `NOISE` if it has none."""
    return str(clips.columns["label"][row]) or NOISE


def noise_track(clips: Clips, rows: Int[np.ndarray, "rows"], samples: int) -> NoiseTrack:
    """Joins noise recordings in the order of the rows, and repeats them up to `samples` samples."""
    # All recordings get the same power, so that the SNR of a word does not depend on which recording it meets.
    recordings = [clips.audio(row).astype(np.float32) for row in rows]
    scaled = [audio / np.sqrt(max(power(audio), 1e-3)) * NOISE_LEVEL for audio in recordings]
    once = np.concatenate(scaled)
    repeats = -(-samples // len(once))
    begins = np.cumsum([0, *map(len, scaled)])[:-1]
    starts = [
        (int(begin) + repeat * len(once), noise_label(clips, row))
        for repeat in range(repeats)
        for begin, row in zip(begins, rows, strict=True)
    ]
    return NoiseTrack(np.tile(once, repeats)[:samples], tuple(start for start in starts if start[0] < samples))


def direct_sound_first(response: Float[np.ndarray, "taps"]) -> Float[np.ndarray, "_"]:
    """Cuts off an impulse response before its peak, the direct sound."""
    return response[int(np.argmax(np.abs(response))) :]


def power(samples: Shaped[np.ndarray, "samples"]) -> float:
    """Mean square of the samples; 0 if there are none."""
    return float(np.square(samples.astype(np.float64)).mean()) if len(samples) else 0.0
