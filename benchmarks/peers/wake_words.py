"""The public detectors of microWakeWord and openWakeWord, with their front ends: 16-bit samples at 16 kHz -> probabilities.

pip install pymicro-wakeword pyopen-wakeword
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

Probabilities = Callable[[bytes], list[float]]


def micro(keyword: str) -> tuple[Probabilities, int]:
    """microWakeWord's detector of a keyword, whose probabilities are means over its sliding window; bytes of its file."""
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

    word, features = MicroWakeWord.from_builtin(Model(_name(keyword))), MicroWakeWordFeatures()
    size = Path(word.tflite_model).stat().st_size
    return lambda pcm: [word.process_streaming_prob(frame) for frame in features.process_streaming(pcm)], size


def openwakeword(keyword: str) -> tuple[Probabilities, int]:
    """openWakeWord's detector of a keyword; bytes of its three files."""
    import pyopen_wakeword

    folder = Path(pyopen_wakeword.__file__).parent / "models"
    files = [folder / f"{name}.tflite" for name in ("melspectrogram", "embedding_model", _name(keyword))]
    return OpenWakeWord(*files).probabilities, sum(path.stat().st_size for path in files)


class OpenWakeWord:
    """openWakeWord's three files in LiteRT: a probability for each 80 ms.

    LiteRT takes a fifth of the time of the runtime that pyopen-wakeword comes with. Over a minute of speech and noise the
    probabilities of the two differ by less than 1e-4. Silence comes before the first sample, as there.
    """

    CHUNK, SPECTRUM = 1280, 1760  # samples of a step, and those that its spectra need
    MELS, BANDS = 76, 32  # 10 ms frames of an embedding, and their bands
    # pyopen-wakeword takes windows at whole steps from the first sample, so the last whole one ends before the newest sample
    # and the newest frame.
    HEARD_SAMPLES, HEARD_MELS = 2560, 80
    EMBEDDING = 96

    def __init__(self, mel: Path, embedding: Path, word: Path):
        self._mel = _network(mel, (1, self.SPECTRUM))
        self._embedding = _network(embedding, (1, self.MELS, self.BANDS, 1))
        self._word = _network(word)
        windows = int(self._word.get_input_details()[0]["shape"][1])
        self._audio = np.zeros(self.HEARD_SAMPLES, np.float32)
        self._mels = np.zeros((self.HEARD_MELS, self.BANDS), np.float32)
        self._embeddings = np.zeros((windows, self.EMBEDDING), np.float32)
        silence = (self.HEARD_MELS // 8 + windows) * self.CHUNK
        self.probabilities(bytes(2 * silence))

    def probabilities(self, pcm: bytes) -> list[float]:
        """Of each 80 ms of 16-bit samples, a multiple of 80 ms."""
        chunks = np.frombuffer(pcm, np.int16).astype(np.float32).reshape(-1, self.CHUNK)
        return [self._probability(chunk) for chunk in chunks]

    def _probability(self, chunk: Float[np.ndarray, "samples"]) -> float:
        self._audio = np.concatenate([self._audio, chunk])[-len(self._audio) :]
        mels = _run(self._mel, self._audio[None, : self.SPECTRUM]).reshape(-1, self.BANDS) / 10 + 2
        self._mels = np.concatenate([self._mels, mels])[-self.HEARD_MELS :]
        embedding = _run(self._embedding, self._mels[None, : self.MELS, :, None]).reshape(1, self.EMBEDDING)
        self._embeddings = np.concatenate([self._embeddings, embedding])[-len(self._embeddings) :]
        return _run(self._word, self._embeddings[None]).item()


def _network(path: Path, shape: tuple[int, ...] = ()) -> Any:
    """LiteRT's interpreter of a file, for an input of a shape where the file leaves it open."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    if shape:
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
    interpreter.allocate_tensors()
    return interpreter


def _run(interpreter: Any, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _name(keyword: str) -> str:
    return keyword.replace(" ", "_")
