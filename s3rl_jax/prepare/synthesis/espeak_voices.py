"""Voices of espeak-ng: its variants, each of which speaks the accents of a language."""

import numpy as np

from s3rl_jax.prepare.synthesis.espeak import Espeak, variants
from s3rl_jax.prepare.synthesis.voice import Manner, Speech, Voice

ENGLISH_ACCENTS = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
WORDS_A_MINUTE = 165


class EspeakVoice(Voice):
    """A variant of espeak-ng's voices. Its samples depend on what the process has spoken before."""

    engine, in_order = "espeak", True

    def __init__(self, espeak: Espeak, variant: str, accents: tuple[str, ...]):
        self.name, self.accents = f"espeak:{variant}", accents
        self.persons = frozenset((self.name,))
        self._espeak, self._variant = espeak, variant

    def speak(self, text: str, accent: str, manner: Manner) -> Speech:
        rate, pitch = round(WORDS_A_MINUTE * manner.rate), round(50 + 150 * np.log2(manner.pitch))
        liveliness = round(20 + 60 * manner.liveliness)
        samples = self._espeak.speak(text, f"{accent}+{self._variant}", rate, int(np.clip(pitch, 0, 99)), liveliness)
        return Speech(samples.astype(np.float32) / 32768, self._espeak.sample_rate)


def espeak_voices(espeak: Espeak, language: str) -> list[Voice]:
    """All variants, in a fixed order."""
    accents = ENGLISH_ACCENTS if language == "en" else (language,)
    return [EspeakVoice(espeak, variant, accents) for variant in variants()]
