"""hibari (Apache-2.0): small models, each distilled from one voice of Kokoro-82M, some 100 times as fast as speech."""

import functools
import importlib.util
import threading
from typing import Any

import numpy as np

from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.kokoro import ACCENTS, person, symbol_ids
from s3rl_jax.prepare.synthesis.voice import Manner, Speech, Voice

_STARTING = threading.Lock()


class HibariVoice(Voice):
    """A voice of hibari. The speaker is that of the style of Kokoro from which it was distilled.

    Args:
      espeak: gives the phonemes.
      speaker: the voice's name in hibari, for example heart.
      style: the style of Kokoro, for example af_heart.
    """

    engine = "hibari"

    def __init__(self, espeak: Espeak, speaker: str, style: str):
        self.name, self.accents = f"hibari:{speaker}", (ACCENTS[style[0]],)
        self.persons = frozenset((person(style),))
        self._espeak, self._speaker = espeak, speaker

    def speak(self, text: str, accent: str, manner: Manner) -> Speech:
        ids = [0, *symbol_ids(self._espeak, text, accent), 0]
        with _STARTING:
            model = _model(self._speaker)
        samples = model.from_ids(ids, manner.rate / manner.pitch, np.random.default_rng(manner.seed))
        return Speech(samples, round(model.sample_rate * manner.pitch))


def hibari_voices(espeak: Espeak, language: str) -> list[Voice]:
    """The English voices that are on this machine: the one in the wheel, and those that hibari fetched before."""
    if language.split("-")[0] != "en" or not importlib.util.find_spec("hibari"):
        return []
    from hibari.voices import VOICES, voice_path

    voices: list[Voice] = []
    for speaker, entry in VOICES.items():
        try:
            voice_path(speaker, download_missing=False)
        except FileNotFoundError:
            continue
        voices.append(HibariVoice(espeak, speaker, entry["kokoro"]))
    return voices


@functools.cache
def _model(speaker: str) -> Any:
    from hibari import Hibari

    return Hibari(voice=speaker, threads=1)
