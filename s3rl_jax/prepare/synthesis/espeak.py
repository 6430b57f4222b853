"""espeak-ng in this process: text to samples, through the shared library of the espeakng-loader wheel."""

import ctypes
import functools
import os
import re
import threading
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from s3rl_jax.corpus.text import is_phonemes

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: synthesis returns when the callback has had all samples
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_UTF8, _PHONEMES = 1, 0x100  # espeakCHARS_UTF8, espeakPHONEMES
_SEPARATED = ord("/") << 8  # phoneme mode: mnemonics with this between them
_IPA = 0x82 | ord("^") << 8  # phoneme mode: IPA, with this between the symbols of one sound
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

ACCENTS = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
_NO_PERSON = ("robo", "demonic", "whisper", "croak", "fast", "klatt")


class Espeak:
    """One espeak-ng engine. Its samples depend on the calls made before: fix their order from process start.

    Raises:
      RuntimeError: if the library cannot start.
    """

    def __init__(self):
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.sample_rate = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, os.fsencode(Path(espeakng_loader.get_data_path()).parent), 0
        )
        if self.sample_rate <= 0:
            raise RuntimeError("espeak-ng could not be started from the espeakng-loader package")
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._lock = threading.Lock()  # the library has one state for the whole process
        self._chunks: list[np.ndarray] = []
        self._callback = _CALLBACK(self._receive)  # kept: the library holds only a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str, rate: int, pitch: int, pitch_range: int) -> Int16[np.ndarray, "samples"]:
        """Speaks a text.

        Args:
          text: words, or phoneme mnemonics of the voice's language in double square brackets.
          voice: accent and variant, for example en-us+f3.
          rate: words a minute, 80 to 450.
          pitch: 0 to 99.
          pitch_range: 0 to 99, monotone to lively.

        Returns:
          Samples at `sample_rate`.
        """
        with self._lock:
            return self._speak(text, voice, rate, pitch, pitch_range)

    def _speak(self, text: str, voice: str, rate: int, pitch: int, pitch_range: int) -> Int16[np.ndarray, "samples"]:
        self._choose(voice)
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._chunks.clear()
        encoded, flags = text.encode() + b"\0", _UTF8 | (_PHONEMES if is_phonemes(text) else 0)
        self._library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, 0, 0, flags, None, None)
        return np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)

    def phonemes(self, text: str, voice: str) -> tuple[str, ...]:
        """The mnemonics of the phonemes with which the voice speaks the text; ' before a vowel is stress."""
        mnemonics = self.transcription(text, voice).replace(" ", "/").split("/")
        return tuple(part for part in mnemonics if part and part[0] not in "_(|")  # pauses, and switches of language

    def transcription(self, text: str, voice: str) -> str:
        """All mnemonics with / between them, spaces between words, pauses, and switches to another language: `(en)`."""
        return "/".join(self._clauses(text, voice, _SEPARATED))

    def ipa(self, text: str, voice: str) -> tuple[str, ...]:
        """The phonemes of each clause in IPA, with ^ between the symbols of one sound."""
        clauses = self._clauses(text, voice, _IPA)
        return tuple(clause for clause in (re.sub(r"\([^)]*\)", "", clause).strip() for clause in clauses) if clause)

    def _clauses(self, text: str, voice: str, mode: int) -> list[str]:
        with self._lock:
            self._choose(voice)
            if is_phonemes(text):  # the library reads brackets as phonemes only once it has spoken such a text
                self._speak(text, voice, rate=160, pitch=50, pitch_range=50)
            rest, clauses = ctypes.c_char_p(text.encode()), []
            while rest.value:
                clauses.append(self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode).decode())
            return clauses

    def has(self, voice: str) -> bool:
        """Selects the voice; whether there is one of that name."""
        return not self._library.espeak_SetVoiceByName(voice.encode())

    def _choose(self, voice: str) -> None:
        if not self.has(voice):
            raise ValueError(f"espeak-ng has no voice {voice!r}")

    def _receive(self, samples, count, events) -> int:
        """Called by the library with a chunk of samples; 0 lets it go on."""
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


@functools.cache
def variants() -> tuple[str, ...]:
    """The voice variants that sound like a person, in a fixed order."""
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    names = sorted(path.name for path in folder.iterdir())
    return tuple(name for name in names if not any(part in name.lower() for part in _NO_PERSON))
