"""Streams of speech that is not meant for the detector, television or babble, with the keyword spoken on top of it.

The programme is the split's speech without the keyword. Each recording is used once, so the programme is as long as that
speech (for babble, divided by the number of voices). All streams are functions of the clips and a seed.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy import signal

from s3rl_jax.audio.read import SAMPLE_RATE, to_int16
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import keyword_labels
from s3rl_jax.evaluate.degradations import direct_sound_first, noise_track, power
from s3rl_jax.evaluate.stream import PLAYBACK, PlacedClip, Stream, place_clip

LEVEL = 1000.0  # root mean square of the programme, in int16 units
WORD_SNR_DB = 10.0  # level of the keyword above the programme
SPEECH_OVER_MUSIC_DB = (0.0, 15.0)  # level of speech above music, least and most
BAND_HZ = (200.0, 5000.0)  # band of a television's loudspeaker
VOICES = 4  # simultaneous voices in babble
VOICE_LEVEL_DB = (-6.0, 0.0)  # level of a voice, least and most
CLEARANCE_SECONDS = 6.0  # from the end of a word to the next: its zone, the refractory time, and time for false accepts


class Programme(NamedTuple):
    """Audio in the range of int16, and the position of the recordings in it."""

    audio: Float32[np.ndarray, "samples"]
    clips: list[PlacedClip]


class Cast(NamedTuple):
    """Rows of a split that a programme uses: its speech, the words on top of it, its music, and its rooms."""

    speech: Int[np.ndarray, "speech"]
    words: Int[np.ndarray, "words"]
    music: Int[np.ndarray, "music"]
    rooms: Int[np.ndarray, "rooms"]


def television(clips: Clips, keywords: tuple[str, ...], seed: int) -> Stream:
    """Speech over music through a narrow band, in a room if the split has impulse responses."""
    rng, cast = np.random.default_rng((seed, 3)), cast_of(clips, keywords)
    track = noise_track(clips, rng.permutation(cast.music), int(clips.columns["samples"][cast.speech].sum()))
    band = signal.butter(4, BAND_HZ, "bandpass", fs=SAMPLE_RATE, output="sos")
    room = direct_sound_first(clips.audio(rng.choice(cast.rooms)).astype(np.float64)) if len(cast.rooms) else np.ones(1)
    audio, placed, start = np.zeros(len(track.audio), np.float32), [], 0
    for row in rng.permutation(cast.speech):
        clip = place_clip(clips, row, positive=False, start=start)
        music = track.audio[clip.start : clip.stop] * 10 ** (-rng.uniform(*SPEECH_OVER_MUSIC_DB) / 20)
        sound = signal.oaconvolve(signal.sosfilt(band, _levelled(clips, row) + music), room)[: len(audio) - start]
        audio[start : start + len(sound)] += sound
        placed.append(clip)
        start = clip.stop
    return _with_words(Programme(audio, placed), clips, cast.words, rng)


def babble(clips: Clips, keywords: tuple[str, ...], seed: int) -> Stream:
    """Several simultaneous voices at different levels."""
    rng, cast = np.random.default_rng((seed, 4)), cast_of(clips, keywords)
    samples, ends = int(clips.columns["samples"][cast.speech].sum()), [0] * VOICES
    audio, placed = np.zeros(samples, np.float32), []
    for row in rng.permutation(cast.speech):
        voice = int(np.argmin(ends))
        clip = place_clip(clips, row, positive=False, start=ends[voice])
        audio[clip.start : clip.stop] += _levelled(clips, row) * 10 ** (rng.uniform(*VOICE_LEVEL_DB) / 20)
        placed.append(clip)
        ends[voice] = clip.stop
    length = min(ends)  # up to here, all voices speak
    whole = [dataclasses.replace(clip, stop=min(clip.stop, length)) for clip in placed if clip.start < length]
    return _with_words(Programme(audio[:length], whole), clips, cast.words, rng)


def cast_of(clips: Clips, keywords: tuple[str, ...]) -> Cast:
    """Selects the rows that television and babble use. Music is the noise labelled as music; if there is none, all noise."""
    kind, label = clips.columns["kind"], clips.columns["label"]
    classes = np.where((kind == "speech") & (clips.columns["condition"] != PLAYBACK), keyword_labels(clips, keywords), -1)
    noise = kind == "noise"
    is_music = noise & np.array(["music" in str(text).lower() for text in label], bool)
    rooms = clips.rows(kind == "impulse_response")
    return Cast(clips.rows(classes == 0), clips.rows(classes > 0), clips.rows(is_music if is_music.any() else noise), rooms)


def fitting_words(clips: Clips, cast: Cast, voices: int = 1) -> int:
    """Number of words that certainly fit into a programme of `voices` voices."""
    samples = clips.columns["samples"]
    longest = int(samples[cast.speech].max(initial=0))
    length = (int(samples[cast.speech].sum()) - (voices - 1) * longest) // voices  # the shortest that the programme can be
    slot = int(samples[cast.words].max(initial=0)) + int(CLEARANCE_SECONDS * SAMPLE_RATE)
    return max(0, min(len(cast.words), length // slot))


def _with_words(programme: Programme, clips: Clips, words: Int[np.ndarray, "words"], rng: np.random.Generator) -> Stream:
    """Scales the programme to `LEVEL`, divides it into equal slots, and adds a word at a random time in each slot."""
    audio = programme.audio * np.float32(LEVEL / np.sqrt(max(power(programme.audio), 1e-3)))
    longest = int(clips.columns["samples"][words].max()) + int(CLEARANCE_SECONDS * SAMPLE_RATE)
    count = min(len(words), len(audio) // longest)
    slot, placed = len(audio) // count, []
    for number, row in enumerate(rng.permutation(words)[:count]):
        start = number * slot + int(rng.uniform(0, slot - longest + 1))
        placed.append(place_clip(clips, row, positive=True, start=start))
        audio[start : placed[-1].stop] += _levelled(clips, row) * 10 ** (WORD_SNR_DB / 20)
    return Stream(to_int16(audio / 32768), tuple(sorted([*programme.clips, *placed], key=lambda clip: clip.start)))


def _levelled(clips: Clips, row: int | np.integer) -> Float[np.ndarray, "samples"]:
    """Reads a recording, scaled so that its speech has the level of the programme."""
    audio = clips.audio(row).astype(np.float64)
    start, end = (int(clips.columns[name][row]) for name in ("speech_start", "speech_end"))
    return audio * LEVEL / np.sqrt(max(power(audio[start:end]), 1.0))
