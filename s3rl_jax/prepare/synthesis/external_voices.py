"""Voices of other synthesisers, programs that the machine has (flite, festival, piper): more speakers than espeak-ng alone."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from jaxtyping import Float

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.script import ENGINES

TIMEOUT = 60  # seconds, of one sentence


Command = Callable[[float, Path], list[str]]


class ExternalVoice(NamedTuple):
    """One voice of one engine.

    Attributes:
      name: for example flite:slt.
      command: (slowness, file to write) -> the command line, which reads the text from standard input.
    """

    name: str
    command: Command

    def speak(self, text: str, slowness: float) -> tuple[Float[np.ndarray, "samples"], int]:
        """Samples in [-1, 1] and their rate; a slowness of 1 is normal.

        Raises:
          RuntimeError: if the engine fails.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "speech.wav"
            command = self.command(slowness, file)
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=TIMEOUT, check=False)
            if done.returncode or not file.is_file():
                raise RuntimeError(
                    f"{self.name}: {command[0]} ended with status {done.returncode}: {done.stderr.strip()[-200:]}"
                )
            samples, rate = soundfile.read(file, dtype="float32")
        return samples, rate


def external_voices(engines: tuple[str, ...], language: str, piper_voices: str) -> list[ExternalVoice]:
    """The voices of a language of those engines that are on this machine, in a fixed order.

    Args:
      engines: of ENGINES; espeak is left out, which runs in this process.
      language: for example en.
      piper_voices: a folder of piper's voices (.onnx and .onnx.json); empty: none.

    Raises:
      UserError: for an engine or a folder that does not exist.
    """
    if unknown := set(engines) - set(ENGINES):
        raise UserError(f"--engines: {', '.join(sorted(unknown))}; expected some of {', '.join(ENGINES)}")
    if piper_voices and not Path(piper_voices).is_dir():
        raise UserError(f"--piper_voices={piper_voices}: no such folder; expected one with .onnx files")
    english = language.split("-")[0] == "en"
    voices: list[ExternalVoice] = []
    if "flite" in engines and english and shutil.which("flite"):
        voices += [ExternalVoice(f"flite:{name}", _flite(name)) for name in _flite_voices()]
    if "festival" in engines and english and shutil.which("text2wave"):
        voices += [ExternalVoice(f"festival:{name}", _festival(name)) for name in _festival_voices()]
    if "piper" in engines and shutil.which("piper") and piper_voices:
        for model in sorted(Path(piper_voices).glob("*.onnx")):
            if _piper_language(model) == language.split("-")[0]:
                voices.append(ExternalVoice(f"piper:{model.stem}", _piper(model)))
    return voices


def _flite(voice: str) -> Command:
    return lambda slowness, file: [
        "flite", "-voice", voice, "--setf", f"duration_stretch={slowness:.2f}", "-f", "/dev/stdin", "-o", str(file)
    ]  # fmt: skip


def _flite_voices() -> list[str]:
    listing = subprocess.run(["flite", "-lv"], capture_output=True, text=True, timeout=TIMEOUT, check=False).stdout
    names = listing.split(":", 1)[-1].split()
    return sorted(name for name in names if name != "awb_time")  # it only tells the time


def _festival(voice: str) -> Command:
    return lambda slowness, file: [
        "text2wave", "-o", str(file), "-eval", f"(voice_{voice})", "-eval", f"(Parameter.set 'Duration_Stretch {slowness:.2f})"
    ]  # fmt: skip


def _festival_voices() -> list[str]:
    command = ["festival", "--batch", "(print (voice.list))"]
    listing = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False).stdout
    return sorted(listing.replace("(", " ").replace(")", " ").split())


def _piper(model: Path) -> Command:
    return lambda slowness, file: [
        "piper", "--model", str(model), "--length_scale", f"{slowness:.2f}", "--output_file", str(file)
    ]  # fmt: skip


def _piper_language(model: Path) -> str:
    try:
        return json.loads(model.with_suffix(".onnx.json").read_text(encoding="utf-8"))["language"]["family"]
    except (OSError, ValueError, KeyError, TypeError):
        return model.stem.split("_")[0]  # en_US-amy-medium
