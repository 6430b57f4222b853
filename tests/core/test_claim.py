"""The record of what a folder was begun with."""

import contextlib
import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3rl_jax.core.claim import differences, read_record, write_record
from s3rl_jax.core.errors import UserError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=3),
    max_leaves=8,
)
DESCRIPTIONS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("claim") / "folder" / "record.json"


@given(DESCRIPTIONS)
def test_a_record_is_read_as_it_was_written_and_differs_in_nothing(path, description):
    write_record(path, description)
    assert read_record(path) == description
    assert differences(path, description) == []
    assert [file.name for file in path.parent.iterdir()] == [path.name], "nothing is left beside it"


@given(DESCRIPTIONS, DESCRIPTIONS)
def test_differences_are_there_whenever_the_descriptions_differ(path, recorded, description):
    write_record(path, recorded)
    assert bool(differences(path, description)) == _differ(recorded, description)
    assert len(differences(path, description)) == len(set(differences(path, description)))


@given(DESCRIPTIONS, st.text(max_size=4), st.integers())
def test_one_changed_field_is_the_one_difference(path, recorded, field, value):
    write_record(path, recorded | {field: 0.5})
    changed = copy.deepcopy(recorded) | {field: value}
    assert differences(path, changed, "config") == [f"config.{field} was 0.5, is {value!r}"]


def test_nested_fields_are_named_by_their_path(path):
    write_record(path, {"data": {"corpus": "a", "seed": 1}, "steps": 2})
    assert differences(path, {"data": {"corpus": "b", "seed": 1}, "steps": 2}, "config") == [
        "config.data.corpus was 'a', is 'b'"
    ]
    assert differences(path, {"data": {"corpus": "a"}, "steps": 2}) == ["data.seed was 1, is None"]


def test_where_there_is_no_record_nothing_differs(tmp_path):
    assert differences(tmp_path / "nothing.json", {"a": 1}) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"a": 1} {', "\x00"])
def test_a_file_that_is_no_record_is_named(tmp_path, text):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"record\.json: not a file that s3rl_jax wrote"):
        differences(path, {})


@given(st.binary(max_size=20))
def test_whatever_bytes_a_file_holds_it_is_a_record_or_named(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.json"
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        assert isinstance(read_record(path), dict)


def _differ(one: object, other: object) -> bool:
    """Whether two descriptions differ; an absent field counts as null."""
    if isinstance(one, dict) and isinstance(other, dict):
        return any(_differ(one.get(key), other.get(key)) for key in one.keys() | other.keys())
    return json.loads(json.dumps(one)) != json.loads(json.dumps(other))
