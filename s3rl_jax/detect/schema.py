"""The schema of the .json beside an exported model: each field, its valid values, and whether a runtime needs it.

This module imports the standard library alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

QUANTISATIONS = ("none", "dynamic", "int8", "int16x8")
HIGHEST_THRESHOLD = 2.0  # a posterior is at most 1; a threshold above it never fires


class Field(NamedTuple):
    """One field of the .json.

    Attributes:
      valid: whether a value is valid.
      expected: valid values in words, for messages.
      required: whether a runtime needs the field.
    """

    valid: Callable[[Any], bool]
    expected: str
    required: bool = False


def _integer(lowest: int, highest: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and lowest <= value <= highest


def _number(lowest: float, highest: float) -> Callable[[Any], bool]:
    return lambda value: type(value) in (int, float) and lowest <= value <= highest  # False for NaN


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _labels(value: Any) -> bool:
    return _texts(value) and len(value) >= 2 and value[0] == "" and all(value[1:]) and len(set(value)) == len(value)


def _thresholds(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_number(0.0, HIGHEST_THRESHOLD), value.values()))


def _smoothing(value: Any) -> bool:
    return isinstance(value, dict) and value.get("kind", "mean") == "mean" and _integer(1, 1000)(value.get("hops"))


def _keywords(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(entry, dict) and _thresholds(entry.get("threshold")) and _SECONDS.valid(entry.get("refractory_seconds"))
        for entry in value.values()
    )


def _verifier(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _text(value.get("file"))
        and value["file"] not in ("", ".", "..")
        and not set(value["file"]) & set("/\\")
        and _digest(value.get("sha256"))
        and _number(0.0, 1.0)(value.get("agrees_at"))
        and _keywords(value.get("keywords"))
    )


def _voice(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _numbers(value.get("mean"))
        and isinstance(value.get("projection"), list)
        and len(value["projection"]) == len(value["mean"])
        and all(map(_numbers, value["projection"]))
        and len({len(row) for row in value["projection"]}) == 1
        and _number(-1.0, 1.0)(value.get("threshold"))
    )


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_number(-1e6, 1e6), value))


def _digest(value: Any) -> bool:
    return _text(value) and len(value) == 64


def _signatures(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(entry, dict) and isinstance(entry.get("inputs"), dict) and _texts(entry.get("state", []))
        for entry in value.values()
    )


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_integer(1, 2**31), value.values()))


_SIZE = Field(_integer(0, 2**40), "a whole number")
_ERROR = Field(_number(0.0, 1.0), "a number from 0 to 1")
_TEXT = Field(_text, "a text")
_SECONDS = Field(_number(0.0, 3600.0), "a number of seconds, 0 to 3600", True)
FIELDS = {
    "labels": Field(_labels, "a list of different texts, the first of them empty, then at least one keyword", True),
    "sample_rate": Field(_integer(4000, 384_000), "a whole number of Hz, 4000 to 384000", True),
    "window": Field(_integer(1, 100_000_000), "a whole number of samples", True),
    "hop": Field(_integer(1, 100_000_000), "a whole number of samples", True),
    "threshold": Field(_thresholds, f"an object of numbers from 0 to {HIGHEST_THRESHOLD:g}, one an operating point", True),
    "smoothing": Field(_smoothing, 'an object {"kind": "mean", "hops": 1 to 1000}', True),
    "refractory_seconds": _SECONDS,
    "keywords": Field(_keywords, "an object: for each keyword its threshold (as above) and refractory_seconds"),
    "verifier": Field(
        _verifier,
        "an object: file (a name in the same folder), sha256, agrees_at (0 to 1), and keywords as above",
    ),
    "voice": Field(
        _voice, "an object: mean (a list of numbers), projection (a list of as many lists of numbers), threshold (-1 to 1)"
    ),
    "patience": Field(_integer(1, 1000), "a whole number of hops, 1 to 1000"),
    "rearm": Field(_number(0.0, 1.0), "a number from 0 to 1"),
    "quantisation": Field(lambda value: value in QUANTISATIONS, f"one of {', '.join(QUANTISATIONS)}"),
    "io": Field(lambda value: value in ("float32", "int8"), "float32 or int8"),
    "signatures": Field(_signatures, "an object: for each signature the shapes of its inputs and the names of its state"),
    "operators": Field(_counts, "an object: how often each operator occurs"),
    "parity_error": _ERROR,
    "quantisation_error": _ERROR,
    "arena_bytes_estimate": _SIZE,
    "parameters": _SIZE,
    "bytes": _SIZE,
    "languages": Field(_texts, "a list of texts"),
    "training_data_licences": Field(_texts, "a list of texts"),
    "version": _TEXT,
    "git_revision": _TEXT,
    "step": _SIZE,
    "sha256": Field(_digest, "the SHA-256 of the model, 64 hexadecimal digits"),
    "scored": Field(lambda value: isinstance(value, dict), "an object"),
}
