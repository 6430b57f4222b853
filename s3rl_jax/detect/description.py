"""The .json beside an exported model: the export writes it, and every runtime reads and checks it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.firing import FiringRule, FiringSettings, refractory_hops
from s3rl_jax.detect.schema import FIELDS

DEFAULT_POINT = "0.5"  # false accepts an hour


# Of each keyword: operating point to threshold, and refractory time in seconds.
Points = tuple[tuple[dict[str, float], float], ...]


class Pair(NamedTuple):
    """The second model of a pair.

    Attributes:
      file: its name, in the folder of the first model.
      sha256: its digest.
      agrees_at: lowest posterior of the keyword with which it agrees.
      keywords: points of the first model when the second one must agree.
    """

    file: str
    sha256: str
    agrees_at: float
    keywords: Points


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
      keywords: points of each keyword. Empty in older files: then `thresholds` are of the sum of the keywords' posteriors.
      pair: the second model, which must agree with a detection; None: there is none.
      path: the .json, for messages.
    """

    labels: tuple[str, ...]
    sample_rate: int
    window: int
    hop: int
    thresholds: dict[str, float]
    firing: FiringSettings
    keywords: Points = ()
    pair: Pair | None = None
    path: str = ""

    def threshold(self, operating_point: str | None = None) -> float:
        """Returns the threshold of an operating point.

        Args:
          operating_point: false accepts an hour, as the .json writes it. None: "0.5", or the first one where there is no 0.5.

        Raises:
          UserError: if there is no such operating point.
        """
        return self.thresholds[self._point(operating_point)]

    def rule(self, operating_point: str | None = None, pair: Pair | None = None) -> FiringRule:
        """Returns the rule of firing at an operating point.

        Args:
          operating_point: as in `threshold`, with its errors.
          pair: the second model if it must agree; None: the first model decides alone.
        """
        point = self._point(operating_point)
        keywords = (pair.keywords if pair else self.keywords) or ((self.thresholds, self.firing.refractory_seconds),)
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
    pair = fields.get("verifier")
    keywords = _points(fields, fields.get("keywords", {}), path)
    seconds, hops = float(fields["refractory_seconds"]), fields["smoothing"]["hops"]
    return Description(
        tuple(fields["labels"]),
        fields["sample_rate"],
        fields["window"],
        fields["hop"],
        _floats(fields["threshold"]),
        FiringSettings(seconds, hops, fields.get("patience", 1), fields.get("rearm")),
        keywords,
        pair and Pair(pair["file"], pair["sha256"], float(pair["agrees_at"]), _points(fields, pair["keywords"], path)),
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


def _points(fields: dict[str, Any], keywords: dict[str, Any], path: str) -> Points:
    """Reads a field `keywords`, in the order of the labels.

    Raises:
      UserError: if it has other keywords than the labels, or other operating points than `threshold`.
    """
    labels, points = fields["labels"][1:], fields["threshold"].keys()
    if keywords and (keywords.keys() != set(labels) or any(k["threshold"].keys() != points for k in keywords.values())):
        raise UserError(f"{path}: keywords={_shortened(keywords)}: expected the labels, and the operating points of threshold")
    entries = [keywords[label] for label in labels if keywords]
    return tuple((_floats(entry["threshold"]), float(entry["refractory_seconds"])) for entry in entries)


def _floats(values: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
