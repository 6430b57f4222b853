"""A test split as one long recording: keyword clips among all the other speech and noise, at known times."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int16

from s3rl_jax.audio.read import SAMPLE_RATE, to_int16
from s3rl_jax.data.corpus import Clips
from s3rl_jax.data.windows import keyword_labels
from s3rl_jax.errors import UserError

GAP_SECONDS = (0.3, 1.0)


@dataclasses.dataclass(frozen=True)
class Part:
    """One recording's place in the stream, in samples. The speech bounds are where its sound begins and ends."""

    id: str
    kind: str
    label: str
    positive: bool
    start: int
    stop: int
    speech_start: int
    speech_stop: int


@dataclasses.dataclass(frozen=True)
class Stream:
    audio: Int16[np.ndarray, "samples"]
    parts: tuple[Part, ...]

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE


def build_stream(clips: Clips, keywords: tuple[str, ...], seed: int) -> Stream:
    """Every speech and noise recording once, shuffled, with gaps of silence. Deterministic in the seed.

    Recordings of which the keyword is only a part are left out: when in them it is said is not known.

    Raises:
      UserError: if there is no recording of a keyword, or nothing else.
    """
    rng = np.random.default_rng((seed, 0))
    kind = clips.columns["kind"]
    classes = np.where(kind == "speech", keyword_labels(clips, keywords), 0)
    chosen = clips.rows((kind != "impulse_response") & (classes >= 0))
    if not (classes > 0).any():
        raise UserError(f"--corpus: no recording of {', '.join(keywords)} in this split; nothing to measure rejects with")
    if not (classes == 0).any():
        raise UserError("--corpus: nothing but the keyword in this split; nothing to measure false accepts with")
    pieces, parts, at = [], [], 0
    for row in rng.permutation(chosen):
        audio = clips.audio(row)
        gap = int(rng.uniform(*GAP_SECONDS) * SAMPLE_RATE)
        pieces += [np.zeros(gap, np.int16), audio]
        at += gap
        text = {name: str(clips.columns[name][row]) for name in ("id", "kind", "label")}
        bounds = (at + int(clips.columns[name][row]) for name in ("speech_start", "speech_end"))
        parts.append(Part(**text, positive=bool(classes[row] > 0), start=at, stop=at + len(audio), **_named(bounds)))
        at += len(audio)
    # A second of silence, so that the last word can leave the window.
    pieces.append(np.zeros(SAMPLE_RATE, np.int16))
    return Stream(np.concatenate(pieces), tuple(parts))


def with_noise(stream: Stream, clips: Clips, snr_db: float, seed: int) -> Stream:
    """The same stream with the split's noise recordings, in shuffled turn, behind it.

    The noise stands `snr_db` below each recording's own speech (its power between the speech bounds), from the middle
    of the gap before it to the middle of the gap after it. Behind recordings that are no speech it has its median level.
    """
    rng = np.random.default_rng((seed, 1))
    rows = rng.permutation(clips.rows(clips.columns["kind"] == "noise"))
    noise = _endless([clips.audio(row).astype(np.float32) for row in rows], len(stream.audio))
    speech = np.array([_power(stream.audio[p.speech_start : p.speech_stop]) for p in stream.parts])
    background = np.array([_power(noise[p.start : p.stop]) for p in stream.parts])
    gains = np.sqrt(speech / np.maximum(background, 1e-3) * 10 ** (-snr_db / 10))
    spoken = np.array([p.kind == "speech" for p in stream.parts])
    gains = np.where(spoken, gains, np.median(gains[spoken]))
    edges = [(a.stop + b.start) // 2 for a, b in zip(stream.parts[:-1], stream.parts[1:], strict=True)]
    lengths = np.diff([0, *edges, len(noise)])
    mixed = stream.audio.astype(np.float32) + noise * np.repeat(gains, lengths).astype(np.float32)
    return Stream(to_int16(mixed / 32768), stream.parts)


def _endless(recordings: list, samples: int) -> Float[np.ndarray, "samples"]:
    # Each recording at the same power, so that the SNR does not depend on which of them happens to be behind a word.
    level = [r / np.sqrt(max(_power(r), 1e-3)) * 1000 for r in recordings]
    track = np.concatenate(level)
    return np.tile(track, -(-samples // len(track)))[:samples]


def _power(samples) -> float:
    return float(np.square(samples.astype(np.float64)).mean()) if len(samples) else 0.0


def _named(bounds):
    return dict(zip(("speech_start", "speech_stop"), bounds, strict=True))
