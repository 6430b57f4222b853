"""The public detectors of microWakeWord and openWakeWord, with their front ends: 16-bit samples at 16 kHz -> probabilities.

pip install pymicro-wakeword pyopen-wakeword
"""

from collections.abc import Callable
from pathlib import Path

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
    from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures

    word, features = OpenWakeWord.from_builtin(Model(_name(keyword))), OpenWakeWordFeatures.from_builtin()
    folder = Path(pyopen_wakeword.__file__).parent / "models"
    size = sum((folder / f"{name}.tflite").stat().st_size for name in (word.id, "melspectrogram", "embedding_model"))
    return lambda pcm: [score for frame in features.process_streaming(pcm) for score in word.process_streaming(frame)], size


def _name(keyword: str) -> str:
    return keyword.replace(" ", "_")
