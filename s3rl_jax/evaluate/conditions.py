"""What a test stream goes through before a detector hears it: noise, rooms, loudspeakers, codecs. All deterministic."""

import io
import re
from collections.abc import Callable

import numpy as np
import soundfile
from jaxtyping import Float
from scipy import signal

from s3rl_jax.audio.read import SAMPLE_RATE, to_int16
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.evaluate.stream import PLAYBACK, Stream, build_stream

SNRS = (20, 10, 5, 0)
CLEAN, REVERBERANT, CODEC = "clean", "reverberant", "codec"
OPUS_LEVEL = 0.96  # of libsndfile's 0 to 1: some 16 kbit/s
CODEC_MINUTES = 5  # that are encoded at a time
SEED = 20230820  # of the stream's order and of what is mixed in: the same for every detector

Conditions = dict[str, Callable[[], Stream]]


def conditions_of(
    clips: Clips, keywords: tuple[str, ...], asked: tuple[str, ...] = (), by_noise: bool = False
) -> tuple[Conditions, dict[str, str]]:
    """The conditions that a split can show, and why it cannot show the others.

    Args:
      clips: of the split.
      keywords: lower case.
      asked: names of some of them; empty: all.
      by_noise: whether each kind of noise also makes conditions of its own, snr_10:rain.

    Returns:
      name -> a function that makes the stream, and name -> reason.

    Raises:
      UserError: for a condition that does not exist, or if not even the clean stream can be made.
    """
    columns = clips.columns
    clean = build_stream(clips, keywords, SEED)
    kinds = sorted({str(label) or "noise" for label in columns["label"][columns["kind"] == "noise"]})
    made: Conditions = {CLEAN: lambda: clean}
    missing: dict[str, str] = {}
    for snr in SNRS:
        if not kinds:
            missing[f"snr_{snr}"] = "no noise recordings in the split"
            continue
        made[f"snr_{snr}"] = lambda snr=snr: with_noise(clean, clips, snr, SEED)
        for kind in kinds if by_noise else ():
            name = f"snr_{snr}:{re.sub(r'[^a-z0-9]+', '_', kind.lower()).strip('_')}"
            made[name] = lambda snr=snr, kind=kind: with_noise(clean, clips, snr, SEED, kind)
    if (columns["kind"] == "impulse_response").any():
        made[REVERBERANT] = lambda: reverberant(clean, clips, SEED)
    else:
        missing[REVERBERANT] = "no impulse responses in the split"
    try:
        played = build_stream(clips, keywords, SEED, playback=True)
        made[PLAYBACK] = lambda: played
    except UserError:
        missing[PLAYBACK] = "too few recordings whose condition is playback in the split"
    made[CODEC] = lambda: through_codec(clean)
    if unknown := set(asked) - set(made) - set(missing):
        raise UserError(f"--conditions: {', '.join(sorted(unknown))}: expected some of {', '.join([*made, *missing])}")
    wanted = [name for name in made if not asked or name in asked or name.split(":")[0] in asked]
    return {name: made[name] for name in wanted}, {n: why for n, why in missing.items() if not asked or n in asked}


def with_noise(stream: Stream, clips: Clips, snr_db: float, seed: int, kind: str = "") -> Stream:
    """The same stream with the split's noise recordings, in shuffled turn, behind it; with `kind`, those of that label.

    The noise stands `snr_db` below each recording's own speech (its power between the speech bounds), from the middle
    of the gap before it to the middle of the gap after it. Behind recordings that are no speech it has its median level.
    """
    rng = np.random.default_rng((seed, 1))
    columns = clips.columns
    rows = rng.permutation(clips.rows(columns["kind"] == "noise"))
    labels = [str(columns["label"][row]) or "noise" for row in rows]
    chosen = [(row, label) for row, label in zip(rows, labels, strict=True) if not kind or label == kind]
    noise, noises = _endless([(clips.audio(row).astype(np.float32), label) for row, label in chosen], len(stream.audio))
    speech = np.array([_power(stream.audio[p.speech_start : p.speech_stop]) for p in stream.parts])
    background = np.array([_power(noise[p.start : p.stop]) for p in stream.parts])
    gains = np.sqrt(speech / np.maximum(background, 1e-3) * 10 ** (-snr_db / 10))
    spoken = np.array([p.kind == "speech" for p in stream.parts])
    gains = np.where(spoken, gains, np.median(gains[spoken]))
    edges = [(a.stop + b.start) // 2 for a, b in zip(stream.parts[:-1], stream.parts[1:], strict=True)]
    lengths = np.diff([0, *edges, len(noise)])
    mixed = stream.audio.astype(np.float32) + noise * np.repeat(gains, lengths).astype(np.float32)
    return Stream(to_int16(mixed / 32768), stream.parts, noises)


def reverberant(stream: Stream, clips: Clips, seed: int) -> Stream:
    """Each recording in one of the split's rooms, in shuffled turn, as loud as it was and aligned to the direct sound."""
    rng = np.random.default_rng((seed, 2))
    rows = rng.permutation(clips.rows(clips.columns["kind"] == "impulse_response"))
    rooms = [_direct_first(clips.audio(row).astype(np.float64)) for row in rows]
    heard = np.zeros(len(stream.audio) + max(map(len, rooms)))
    for place, part in enumerate(stream.parts):
        dry = stream.audio[part.start : part.stop].astype(np.float64)
        wet = signal.fftconvolve(dry, rooms[place % len(rooms)])
        level = np.sqrt(_power(dry) / max(_power(wet[: len(dry)]), 1e-9))
        heard[part.start : part.start + len(wet)] += level * wet
    return Stream(to_int16(heard[: len(stream.audio)] / 32768), stream.parts)


def through_codec(stream: Stream) -> Stream:
    """Encoded by Opus at some 16 kbit/s and decoded, as a headset or a call does it."""
    decoded, size = [], CODEC_MINUTES * 60 * SAMPLE_RATE
    for first in range(0, len(stream.audio), size):
        piece, file = stream.audio[first : first + size], io.BytesIO()
        soundfile.write(file, piece, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL)
        file.seek(0)
        back = soundfile.read(file, dtype="int16")[0][: len(piece)]
        decoded.append(np.pad(back, (0, len(piece) - len(back))))
    return Stream(np.concatenate(decoded), stream.parts)


def _endless(recordings: list, samples: int) -> tuple[Float[np.ndarray, "samples"], tuple[tuple[int, str], ...]]:
    # Each recording at the same power, so that the SNR does not depend on which of them happens to be behind a word.
    level = [r / np.sqrt(max(_power(r), 1e-3)) * 1000 for r, _ in recordings]
    track = np.concatenate(level)
    times = -(-samples // len(track))
    begins = np.cumsum([0, *(len(r) for r in level)])[:-1]
    noises = [
        (int(b) + turn * len(track), label) for turn in range(times) for b, (_, label) in zip(begins, recordings, strict=True)
    ]
    return np.tile(track, times)[:samples], tuple(each for each in noises if each[0] < samples)


def _direct_first(response):
    return response[int(np.argmax(np.abs(response))) :]


def _power(samples) -> float:
    return float(np.square(samples.astype(np.float64)).mean()) if len(samples) else 0.0
