"""Whatever happened to the journal of a search, the search goes on, and ends in the firings of an undisturbed one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.mine.journal import DESCRIPTION, FIRINGS, Firing, Journal

SEARCH = {"corpus": "c", "split": "train", "threshold": 0.1, "groups": 6, "model": "0123"}
GROUPS = {group: [Firing(group, 10, 20 + group, 0.5 + 0.01 * group)] * (group % 3) for group in range(6)}


def search(folder, description=SEARCH):
    """Goes on to the end. Returns the firings, and the groups that had to be scored."""
    journal = Journal(folder, description)
    missing = [group for group in GROUPS if group not in journal]
    for group in missing:
        journal.add(group, GROUPS[group])
    return journal.firings(), missing


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, search(folder)[0]


def test_the_highest_score_comes_first(whole):
    scores = [firing.score for firing in whole[1]]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 6
    assert search(whole[0]) == (whole[1], []), "all is in the journal"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_journal_goes_on(whole, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    for name in (DESCRIPTION, FIRINGS):
        content = (whole[0] / name).read_bytes()
        cut = data.draw(st.integers(0, len(content)), name)
        rest = data.draw(st.sampled_from([b"", b"\n", b"\xff\n", b"{}\n", b"[]\n", b'{"group": 99, "firings": []}\n', b"3\n"]))
        (folder / name).write_bytes(content[:cut] + rest)
    described = (folder / DESCRIPTION).read_text(errors="replace")
    if is_json_object(described) and json.loads(described) != SEARCH:
        with pytest.raises(UserError, match="begun by another"):
            search(folder)
        return
    assert search(folder)[0] == whole[1]
    assert search(folder) == (whole[1], [])


def is_json_object(text):
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


@pytest.mark.parametrize(
    "entry",
    [
        {"group": 0},
        {"group": "0", "firings": []},
        {"group": True, "firings": []},
        {"group": -1, "firings": []},
        {"group": 0, "firings": [[1, 2, 3]]},
        {"group": 0, "firings": [[1, 20, 10, 0.5]]},
        {"group": 0, "firings": [[1, 2, 3, "0.5"]]},
        {"group": 0, "firings": 7},
    ],
)
def test_an_entry_that_is_none_is_scored_again(whole, tmp_path, entry):
    (tmp_path / DESCRIPTION).write_text(json.dumps(SEARCH))
    (tmp_path / FIRINGS).write_text(json.dumps(entry) + "\n")
    assert search(tmp_path) == (whole[1], list(range(6)))


@pytest.mark.parametrize("field", SEARCH)
def test_another_search_is_refused(tmp_path, field):
    Journal(tmp_path, SEARCH)
    with pytest.raises(UserError, match="begun by another detector, corpus or threshold"):
        Journal(tmp_path, SEARCH | {field: 1})


def test_a_journal_of_an_earlier_version_goes_on(whole, tmp_path):
    """Its first line is the description."""
    lines = (whole[0] / FIRINGS).read_text().splitlines()[:3]
    (tmp_path / FIRINGS).write_text("\n".join([json.dumps(SEARCH), *lines]) + "\n")
    assert search(tmp_path) == (whole[1], [3, 4, 5])
    (tmp_path / DESCRIPTION).unlink()
    (tmp_path / FIRINGS).write_text(json.dumps(SEARCH | {"threshold": 0.2}) + "\n")
    with pytest.raises(UserError, match="begun by another"):
        search(tmp_path)
