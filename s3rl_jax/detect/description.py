"""The .json beside an exported model: the schema that the export writes and every runtime checks.

`FIELDS` lists each field, its valid values, and whether a runtime needs it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.firing import FiringRule, FiringSettings, refractory_hops

QUANTISATIONS = ("none", "dynamic", "int8", "int16x8")
DEFAULT_POINT = "0.5"  # false accepts an hour
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
    "sha256": Field(lambda value: _text(value) and len(value) == 64, "the SHA-256 of the model, 64 hexadecimal digits"),
    "scored": Field(lambda value: isinstance(value, dict), "an object"),
}


@dataclass(frozen=True)
class Description:
    """The fields of the .json that a runtime needs.

    Attributes:
      labels: class k is `labels[k]`; class 0, the empty text, is no keyword.
      sample_rate: Hz.
      window: samples that the signature `detect` takes.
      hop: samples from one score to the next.
      thresholds: operating point (false accepts an hour, as text) to threshold.
      firing: settings of firing; those of files older than `patience` and `rearm` are 1 and None.
      keywords: operating point to threshold, and refractory time in seconds, of each keyword. Empty in older files: then
        `thresholds` are of the sum of the keywords' posteriors.
      path: the .json, for messages.
    """

    labels: tuple[str, ...]
    sample_rate: int
    window: int
    hop: int
    thresholds: dict[str, float]
    firing: FiringSettings
    keywords: tuple[tuple[dict[str, float], float], ...] = ()
    path: str = ""

    def threshold(self, operating_point: str | None = None) -> float:
        """Returns the threshold of an operating point.

        Args:
          operating_point: false accepts an hour, as the .json writes it. None: "0.5", or the first one where there is no 0.5.

        Raises:
          UserError: if there is no such operating point.
        """
        return self.thresholds[self._point(operating_point)]

    def rule(self, operating_point: str | None = None) -> FiringRule:
        """Returns the rule of firing at an operating point, with the arguments and errors of `threshold`."""
        point = self._point(operating_point)
        keywords = self.keywords or ((self.thresholds, self.firing.refractory_seconds),)
        return FiringRule(
            tuple(thresholds[point] for thresholds, _ in keywords),
            tuple(refractory_hops(self.hop, self.sample_rate, seconds) for _, seconds in keywords),
            self.firing.smoothing_hops,
            self.firing.patience,
            self.firing.rearm,
        )

    def _point(self, operating_point: str | None) -> str:
        if operating_point is None:
            return DEFAULT_POINT if DEFAULT_POINT in self.thresholds else next(iter(self.thresholds))
        if operating_point not in self.thresholds:
            points = ", ".join(self.thresholds)
            raise UserError(f"{self.path}: no threshold for {operating_point} false accepts an hour; expected one of {points}")
        return operating_point


def check_fields(fields: Any, path: str) -> Description:
    """Checks the parsed .json against `FIELDS`. Unknown fields pass, because later versions may add some.

    Args:
      fields: the parsed JSON.
      path: path of the file, for messages.

    Raises:
      UserError: if a field is missing or invalid; names the first one.
    """
    if not isinstance(fields, dict):
        raise UserError(f"{path}: not a description that s3rl_jax.export wrote; expected a JSON object")
    for name, field in FIELDS.items():
        if name not in fields:
            if field.required:
                raise UserError(
                    f"{path}: not a description that s3rl_jax.export wrote: no field {name}; expected {field.expected}"
                )
        elif not field.valid(fields[name]):
            raise UserError(f"{path}: {name}={_shortened(fields[name])}: expected {field.expected}")
    if fields["hop"] > fields["window"]:
        raise UserError(f"{path}: hop={fields['hop']}: expected at most the window, {fields['window']} samples")
    keywords, labels, points = fields.get("keywords", {}), fields["labels"][1:], fields["threshold"].keys()
    if keywords and (keywords.keys() != set(labels) or any(k["threshold"].keys() != points for k in keywords.values())):
        raise UserError(f"{path}: keywords={_shortened(keywords)}: expected the labels, and the operating points of threshold")
    seconds, hops = float(fields["refractory_seconds"]), fields["smoothing"]["hops"]
    return Description(
        tuple(fields["labels"]),
        fields["sample_rate"],
        fields["window"],
        fields["hop"],
        _floats(fields["threshold"]),
        FiringSettings(seconds, hops, fields.get("patience", 1), fields.get("rearm")),
        tuple((_floats(keywords[k]["threshold"]), float(keywords[k]["refractory_seconds"])) for k in labels if keywords),
        path,
    )


def read_model(model: str | Path) -> tuple[bytes, dict[str, Any], Description]:
    """Reads a model and its .json, and checks the .json and the digest in it.

    Returns:
      The content of the model; all fields of the .json; and the fields that a runtime needs.

    Raises:
      UserError: if the model or its .json is missing, the .json does not match `FIELDS`, or the digest differs. The .json of
        an older version has no digest; then the model is not checked.
    """
    try:
        content = Path(model).read_bytes()
    except FileNotFoundError:
        raise UserError(f"{model}: no such file; expected a model that s3rl_jax.export wrote") from None
    except OSError as error:
        raise UserError(f"{model}: cannot be read: {error.strerror}") from error
    fields, description = _read_fields(Path(model))
    digest = fields.get("sha256")
    if digest is not None and digest != sha256(content):
        raise UserError(
            f"{model}: not the model that {description.path} describes (its SHA-256 differs): damaged, or from another export; "
            "export it again"
        )
    return content, fields, description


def sha256(model: bytes) -> str:
    """Returns the digest that the .json holds, as hexadecimal digits."""
    return hashlib.sha256(model).hexdigest()


def _read_fields(model: Path) -> tuple[dict[str, Any], Description]:
    path = model.with_suffix(".json")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected the .json that s3rl_jax.export wrote beside {model}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a description that s3rl_jax.export wrote: {error}") from error
    return fields, check_fields(fields, str(path))


def _floats(values: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
