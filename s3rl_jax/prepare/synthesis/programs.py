"""Voices of synthesisers that are programs of the machine: flite and festival, both for English."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import soundfile

from s3rl_jax.prepare.synthesis.voice import Manner, Speech, Voice

TIMEOUT = 60  # seconds, of one sentence

Command = Callable[[float, Path], list[str]]


class ProgramVoice(Voice):
    """A voice of flite or festival. Its program reads the text from standard input, so that no sign in it has a meaning.

    Args:
      engine: flite or festival.
      speaker: the voice's name there.
      language: of the voice.
    """

    phonetic = False

    def __init__(self, engine: str, speaker: str, language: str):
        self.engine, self.name = engine, f"{engine}:{speaker}"
        self.persons, self.accents = frozenset((self.name,)), (language,)
        self._command = (_flite if engine == "flite" else _festival)(speaker)

    def speak(self, text: str, accent: str, manner: Manner) -> Speech:
        del accent
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "speech.wav"
            command = self._command(manner.pitch / manner.rate, file)
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=TIMEOUT, check=False)
            if done.returncode or not file.is_file():
                raise RuntimeError(f"{command[0]} ended with status {done.returncode}: {done.stderr.strip()[-200:]}")
            samples, rate = soundfile.read(file, dtype="float32")
        return Speech(samples, round(rate * manner.pitch))


def flite_voices(language: str) -> list[Voice]:
    """The voices of flite, in a fixed order; none without it, or for another language than English."""
    if language.split("-")[0] != "en" or not shutil.which("flite"):
        return []
    listing = subprocess.run(["flite", "-lv"], capture_output=True, text=True, timeout=TIMEOUT, check=False).stdout
    names = listing.split(":", 1)[-1].split()
    return [ProgramVoice("flite", name, language) for name in sorted(names) if name != "awb_time"]  # it only tells the time


def festival_voices(language: str) -> list[Voice]:
    """The voices of festival, in a fixed order; none without it, or for another language than English."""
    if language.split("-")[0] != "en" or not shutil.which("text2wave"):
        return []
    command = ["festival", "--batch", "(print (voice.list))"]
    listing = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False).stdout
    return [ProgramVoice("festival", name, language) for name in sorted(listing.replace("(", " ").replace(")", " ").split())]


def _flite(voice: str) -> Command:
    return lambda slowness, file: [
        "flite", "-voice", voice, "--setf", f"duration_stretch={slowness:.2f}", "-f", "/dev/stdin", "-o", str(file)
    ]  # fmt: skip


def _festival(voice: str) -> Command:
    return lambda slowness, file: [
        "text2wave", "-o", str(file), "-eval", f"(voice_{voice})", "-eval", f"(Parameter.set 'Duration_Stretch {slowness:.2f})"
    ]  # fmt: skip
