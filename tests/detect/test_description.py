"""The .json beside a model: what the schema takes, and what it refuses in one line."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import check_fields, read_model
from s3rl_jax.detect.firing import FiringRule
from s3rl_jax.detect.schema import FIELDS

VALID = {
    "labels": ["", "alexa"],
    "sample_rate": 16_000,
    "window": 35_840,
    "hop": 2560,
    "threshold": {"0.5": 0.8, "10": 0.25},
    "smoothing": {"kind": "mean", "hops": 3},
    "refractory_seconds": 2.0,
}
REQUIRED = [name for name, field in FIELDS.items() if field.required]
NONSENSE = {
    "labels": ["alexa", [], [""], ["alexa"], ["", ""], ["", "alexa", "alexa"], ["", 1], {"": "alexa"}, ["x", "alexa"]],
    "sample_rate": [0, -16_000, 16_000.5, "16000", True, 1e400, 10**9],
    "window": [0, -1, 1.5, "a", [1], 10**12],
    "hop": [0, -1, 0.5, 35_841, None, False],
    "threshold": [{}, {"0.5": -0.1}, {"0.5": math.nan}, {"0.5": math.inf}, {"0.5": "0.8"}, {"0.5": None}, 0.8, [0.8]],
    "smoothing": [{}, {"hops": 0}, {"hops": -3}, {"hops": 3.0}, {"kind": "median", "hops": 3}, {"hops": 10**9}, 3],
    "refractory_seconds": [-1, math.nan, math.inf, "2", None, 1e9],
    "keywords": [
        [],
        {"alexa": 0.8},
        {"alexa": {"threshold": {"0.5": 0.8, "10": 0.2}}},
        {"alexa": {"threshold": {"0.5": 0.8}, "refractory_seconds": 1.0}},
        {"banana": {"threshold": {"0.5": 0.8, "10": 0.2}, "refractory_seconds": 1.0}},
        {"alexa": {"threshold": {"0.5": 0.8, "10": math.nan}, "refractory_seconds": 1.0}},
    ],
    "verifier": [{}, {"file": "a/b.tflite", "sha256": "0" * 64, "agrees_at": 0.5, "keywords": {}}, "b.tflite"],
    "patience": [0, -1, 2.0, "3", None],
    "rearm": [-0.1, 1.1, math.nan, "0.5", None],
    "quantisation": ["int4", 8, []],
    "signatures": [[], {"stream": 1}, {"stream": {"inputs": [], "state": []}}, {"stream": {"inputs": {}, "state": "audio"}}],
    "parity_error": [-1, math.nan, "0"],
    "bytes": [-1, 1.5],
    "scored": [0, "no"],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)


def test_a_valid_description_is_read():
    description = check_fields(VALID, "m.json")
    assert (description.labels, description.hop, description.firing.smoothing_hops) == (("", "alexa"), 2560, 3)
    assert description.threshold() == 0.8
    assert description.threshold("10") == 0.25
    with pytest.raises(UserError, match=r"m\.json: no threshold for 7 false accepts an hour; expected one of 0\.5, 10"):
        description.threshold("7")


def test_another_operating_point_is_the_default_where_the_usual_one_is_missing():
    assert check_fields(VALID | {"threshold": {"default": 0.5}}, "m.json").threshold() == 0.5


def test_an_older_description_has_the_older_rule():
    assert check_fields(VALID, "m.json").rule("10") == FiringRule((0.25,), (12,), 3, patience=1, rearm=None)


def test_the_rule_has_what_was_chosen_for_each_keyword():
    keywords = {
        "banana": {"threshold": {"0.5": 0.6, "10": 0.1}, "refractory_seconds": 0.5},
        "alexa": {"threshold": {"0.5": 0.7, "10": 0.2}, "refractory_seconds": 1.0},
    }
    fields = VALID | {"labels": ["", "alexa", "banana"], "keywords": keywords, "patience": 3, "rearm": 0.5}
    assert check_fields(fields, "m.json").rule() == FiringRule((0.7, 0.6), (6, 3), 3, patience=3, rearm=0.5)


def test_unknown_fields_pass():
    assert check_fields(VALID | {"mood": [math.nan]}, "m.json") == check_fields(VALID, "m.json")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_named(name):
    with pytest.raises(UserError, match=f"no field {name}; expected "):
        check_fields({key: value for key, value in VALID.items() if key != name}, "m.json")


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NONSENSE.items() for value in values])
def test_nonsense_is_refused_in_one_line_that_names_the_field(name, value):
    with pytest.raises(UserError, match=rf"^m\.json: {name}=.*: expected ") as error:
        check_fields(VALID | {name: value}, "m.json")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FIELDS)), JSON)
def test_any_value_is_taken_or_refused(name, value):
    fields = VALID | {name: value}
    keywords = fields.get("keywords", {})
    if not FIELDS[name].valid(value) or fields["hop"] > fields["window"] or (keywords and keywords.keys() != {"alexa"}):
        with pytest.raises(UserError, match=name):
            check_fields(fields, "m.json")
        return
    description = check_fields(fields, "m.json")
    assert 0 <= description.threshold() <= 2
    assert 0 < description.hop <= description.window
    assert len(description.labels) >= 2


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("model")
    (folder / "m.tflite").write_bytes(b"")
    (folder / "m.json").write_bytes(content)
    with pytest.raises(UserError, match=r"m\.json: "):
        read_model(folder / "m.tflite")


def test_deep_nesting_is_refused(tmp_path):
    (tmp_path / "m.tflite").write_bytes(b"")
    (tmp_path / "m.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="not a description"):
        read_model(tmp_path / "m.tflite")
