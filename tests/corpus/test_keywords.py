import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import (
    PARTIAL,
    SILENCE,
    UNKNOWN,
    folder_name,
    keyword_labels,
    left_out_of,
    parse_keywords,
    speech_classes,
    split_keywords,
)
from s3rl_jax.corpus.text import spoken


def clips(labels, placed=None):
    text = np.dtypes.StringDType()
    columns = {"label": np.array(labels, text), "kind": np.full(len(labels), "speech", text)}
    if placed is not None:
        columns["placed"] = np.array(placed)
    return Clips(columns, (), np.array([len(labels)]), 1)


def classes(labels, *keywords, placed=None):
    return keyword_labels(clips(labels, placed), keywords).tolist()


LISTED = [  # labels that were taken as negatives once: keyword, label, class
    ("alexa", "Alexa.", 1),
    ("alexa", "Alexa, what time is it?", PARTIAL),
    ("alexa", "alexa's light", PARTIAL),
    ("hey jarvis", "hey, Jarvis", 1),
    ("hey jarvis", "hey_jarvis", 1),
    ("hey jarvis", "Hey-Jarvis", 1),
    ("hey jarvis", "\u201chey jarvis\u201d", 1),
    ("hey jarvis", "hey  jarvis", 1),
    ("caf\u00e9", "cafe\u0301", 1),
    ("你好小爱", "你好小爱。", 1),
    ("你好小爱", "你好小爱今天天气怎么样", PARTIAL),
    ("42", "42!", 1),
    ("42", "channel 42", PARTIAL),
    ("42", "420", 0),
    ("alexa", "alexandra", 0),
    ("alexa", "what time is it", 0),
    ("你好小爱", "今天天气怎么样", 0),
]
OTHERS = [
    ("[[a2lEks@]]", "[[a2lEks@]]", 1),
    ("alexa", "", 0),
    ("_silence_", "_silence_", 1),
    ("_silence_", "silence", 0),
    ("silence", "_silence_", 0),
    ("alexa", "_unknown_", 0),
]


@pytest.mark.parametrize(("keyword", "label", "expected"), [*LISTED, *OTHERS])
def test_the_label_means_the_word(keyword, label, expected):
    assert classes([label], keyword) == [expected]


SIGNS = [c for c in map(chr, range(0x3100)) if unicodedata.category(c) in ("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Zs")]
AROUND = st.text(st.sampled_from([*SIGNS, "\t", "\n", "\r", "\u200b", "\ufeff"]), max_size=4)
WORD_BREAKS = [" ", "  ", "\t", "\u00a0", "\u3000", "-", "\u2010", "\u2014", "_", ", ", "! ", " \u201c", "...", "/", "\u00b7"]
BETWEEN = st.sampled_from(WORD_BREAKS)


@given(
    st.sampled_from(LISTED),
    BETWEEN,
    AROUND,
    AROUND,
    st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]),
    st.sampled_from([str.lower, str.upper, str.title, str.capitalize, str.swapcase]),
    st.booleans(),
)
def test_however_it_is_written_the_class_is_the_same(listed, between, before, after, form, case, of_keyword):
    keyword, label, expected = listed
    curly = label.replace("'", "\u2019") if of_keyword else label
    written = before + between.join(unicodedata.normalize(form, case(curly)).split()) + after
    assert classes([written], keyword) == [expected]
    named = unicodedata.normalize(form, case(keyword)) + (after if of_keyword else "")
    assert classes([written], named) == [expected], "the keyword may be written as freely"
    assert classes([written], keyword, placed=[True]) == [abs(expected)], "a place makes a positive of a longer label"


@given(st.text(min_size=1, max_size=40), st.text(max_size=12))
def test_keywords_of_1_to_40_characters_are_what_they_say(keyword, more):
    if spoken(keyword).letters and keyword.strip() not in (SILENCE, UNKNOWN):
        assert classes([keyword, f" {keyword} "], keyword) == [1, 1]
        assert classes([f"{more} {keyword}"], keyword)[0] in ((PARTIAL,) if spoken(more).letters else (1,))


def test_a_longer_label_is_a_positive_where_the_word_has_a_place():
    labels = ["Alexa, stop", "Alexa, stop", "stop it", "alexa"]
    assert classes(labels, "alexa", placed=[True, False, True, True]) == [1, -1, 0, 1]
    assert classes(labels, "alexa", "stop", placed=[True, False, True, True]) == [-1, -1, 2, 1], "two keywords, one place"


def test_the_whole_label_comes_before_its_parts_in_any_order():
    assert classes(["hey jarvis", "hey", "hey you"], "hey", "hey jarvis") == [2, 1, -1]
    assert classes(["hey jarvis", "hey", "hey you"], "hey jarvis", "hey") == [1, 2, -1]


@pytest.mark.parametrize(
    ("labels", "count", "said"),
    [
        (["alexa", "banana"], 0, ""),
        (["alexa now", "banana"], 1, "warning: 1 recording whose label holds a keyword among other words is used neither"),
        (["alexa now", "o alexa"], 2, "warning: 2 recordings whose label holds a keyword among other words are used neither"),
    ],
)
def test_what_is_used_for_nothing_is_counted_and_said(capsys, labels, count, said):
    assert left_out_of(speech_classes(clips(labels), ("alexa",))) == count
    assert capsys.readouterr().err.startswith(said)


def test_keywords_are_split_at_commas_outside_phonemes():
    assert parse_keywords(" Alexa, hey  Computer ,[[,a2l'Eks@]], 42,你好小爱") == (
        "alexa",
        "hey computer",
        "[[,a2l'Eks@]]",
        "42",
        "你好小爱",
    )
    assert split_keywords("OK Google", "--synthesize") == ("OK Google",)
    assert parse_keywords("_silence_, yes") == ("_silence_", "yes")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" , ", "expected a keyword"),
        ("?!", "no letters"),
        ("[[ ]]", "no letters"),
        ("hey-jarvis,Hey Jarvis", "say the same"),
        ("[[a]],[[a]]", "say the same"),
    ],
)
def test_keywords_that_are_refused(text, reason):
    with pytest.raises(UserError, match=rf"config\.keyword.*{reason}"):
        parse_keywords(text)


def test_plain_keywords_are_their_own_folders():
    assert folder_name("alexa") == folder_name("Alexa") == "alexa"
    assert folder_name("hey  jarvis") == "hey_jarvis"


@given(st.lists(st.text(min_size=1, max_size=50), min_size=2, max_size=6))
def test_two_keywords_never_share_a_folder(texts):
    texts = {" ".join(unicodedata.normalize("NFC", text).split()) for text in texts} - {""}
    distinct = {text if "[[" in text else text.lower() for text in texts}
    names = {folder_name(text) for text in texts}
    assert len(names) == len(distinct)
    assert all(name.isascii() and len(name) <= 50 and name.replace("_", "").replace("-", "").isalnum() for name in names)


def test_the_collisions_of_the_old_names():
    texts = [
        "hey jarvis",
        "hey-jarvis",
        "hey_jarvis",
        "你好",
        "小爱",
        "[[a2lEks@]]",
        "[[a2leks@]]",
        "670d9743",
        "alexa,computer",
    ]
    assert len({folder_name(text) for text in texts}) == len(texts)
