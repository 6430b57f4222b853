"""Models whose bytes, and .json files whose fields, are altered; `detect` reads them."""

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.attack.damage import damaged
from benchmarks.attack.process import Ending, Try
from benchmarks.toy import Toy

VALUES = (
    *(None, True, False, "", "x", "alexa", "0.5", [], {}, [[]], {"": 0}, 0, 1, -1, -0.0, 0.5, 1e-300, 1e308, 2**31, 2**63),
    *(math.nan, math.inf, -math.inf, 10**400, [""], ["", "alexa", "alexa"], ["", None], {"0.5": math.nan}, {"0.5": -1}),
    *({"0.5": [0.5]}, {"": 3}, {"kind": "mean", "hops": 0}, {"kind": "mean", "hops": 2**40}, {"hops": math.inf}, "\0\ud800"),
)
REQUIRED = ("labels", "sample_rate", "window", "hop", "threshold", "smoothing", "refractory_seconds")
COMMAND = ("detect", "m.tflite", "a.wav", "--scores=s.csv")


def model_bytes(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """A model with other bytes than its .json has the digest of: altered, cut, longer, or another kind of file."""
    content = toy.model.read_bytes()
    altered = rng.choice([damaged(rng, content), damaged(rng, content), toy.model.with_suffix(".json").read_bytes(), b""])
    _place(folder, toy, altered, toy.model.with_suffix(".json").read_bytes())

    def complaint(ending: Ending) -> str:
        return "an altered model was taken" if ending.status == 0 and altered != content else ""

    return Try(COMMAND, complaint)


def model_json(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """A .json with nonsense in a field, without a field, or with other bytes."""
    original = json.loads(toy.model.with_suffix(".json").read_text())
    fields = dict(original)
    for name in rng.sample(sorted(fields), rng.choice([1, 1, 1, 2, 4])):
        if rng.random() < 0.2:
            del fields[name]
        else:
            fields[name] = _nonsense(rng, fields[name])
    content = json.dumps(fields).encode()
    if rng.random() < 0.3:
        content = damaged(rng, json.dumps(original).encode())
    _place(folder, toy, toy.model.read_bytes(), content)

    def complaint(ending: Ending) -> str:
        return "; ".join(_complaints(content, original)) if ending.status == 0 else ""

    return Try(COMMAND, complaint)


def _place(folder: Path, toy: Toy, model: bytes, description: bytes) -> None:
    (folder / "m.tflite").write_bytes(model)
    (folder / "m.json").write_bytes(description)
    (folder / "a.wav").symlink_to(toy.source / "test_alexa_0.wav")


def _nonsense(rng: random.Random, value: Any) -> Any:
    """Another value; for a list or an object, perhaps with another value inside."""
    if isinstance(value, dict) and value and rng.random() < 0.5:
        name = rng.choice(sorted(value))
        return value | {name: rng.choice(VALUES)}
    if isinstance(value, list) and value and rng.random() < 0.5:
        place = rng.randrange(len(value))
        return [*value[:place], rng.choice(VALUES), *value[place + 1 :]]
    return rng.choice(VALUES)


def _complaints(content: bytes, original: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a .json that was taken, by rules that are written independently of the schema."""
    try:
        fields = json.loads(content)
    except ValueError:
        yield "no JSON"
        return
    yield from (f"no {name}" for name in REQUIRED if name not in fields)
    for name, value in fields.items():
        if name in original and name != "scored" and not _is_like(value, original[name]):
            yield f"{name}={value!r:.80}"
    labels, thresholds = fields.get("labels", [""]), fields.get("threshold", {})
    if not all(isinstance(label, str) for label in labels) or len(set(labels)) < len(labels) or len(labels) < 2:
        yield f"labels={labels!r:.80}"
    if not thresholds or not all(type(value) in (int, float) and 0 <= value <= 2 for value in thresholds.values()):
        yield f"threshold={thresholds!r:.80}"
    if not 0 < fields.get("hop", 0) <= fields.get("window", 0):
        yield f"hop={fields.get('hop')!r:.80}, window={fields.get('window')!r:.80}"
    hops = fields.get("smoothing", {}).get("hops")
    if type(hops) is not int or hops < 1:
        yield f"smoothing hops={hops!r:.80}"


def _is_like(value: Any, original: Any) -> bool:
    """Whether a value has the type of the original one; a number also has to be finite, and not negative."""
    if isinstance(original, int | float):
        return type(value) in (int, float) and math.isfinite(value) and value >= 0
    return type(value) is type(original)
