"""What labels and keywords say: the same whatever the punctuation, case, spacing and Unicode form."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3rl_jax.corpus.text import holds, same, spoken

KEYWORDS = [
    "alexa",
    "hey jarvis",
    "café",
    "crème brûlée",
    "42",
    "ok",
    "computer 3",
    "straße",
    "привет",
    "你好小爱",
    "アレクサ",
    "알렉사",
]
PUNCTUATION = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c)[0] in "PSZ"]
BETWEEN = st.text(st.sampled_from(PUNCTUATION), min_size=1, max_size=3)
AROUND = st.text(st.sampled_from(PUNCTUATION), max_size=4)
FORMS = st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"])
CASES = st.sampled_from([str.lower, str.upper, str.title, str.swapcase, str.casefold])


@given(st.sampled_from(KEYWORDS), BETWEEN, AROUND, AROUND, FORMS, CASES)
def test_punctuation_case_spacing_and_form_change_nothing(keyword, between, before, after, form, case):
    written = before + between.join(unicodedata.normalize(form, case(keyword)).split(" ")) + after
    assert same(written, keyword)
    assert holds(written, keyword)


@given(
    st.sampled_from(KEYWORDS),
    st.sampled_from(["tomorrow", "what time is it", "7", "今天", "ой"]),
    BETWEEN,
    FORMS,
    CASES,
    st.booleans(),
)
def test_more_than_the_keyword_is_not_the_keyword(keyword, more, between, form, case, first):
    parts = (unicodedata.normalize(form, case(keyword)), more)
    written = between.join(parts if first else parts[::-1])
    assert not same(written, keyword)
    assert holds(written, keyword)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_texts_can_be_compared(one, other):
    assert same(one, one)
    assert same(one, other) == same(other, one)
    assert spoken(one).boundaries <= set(range(len(spoken(one).letters) + 1))
    if spoken(one).letters:
        assert holds(one, one)


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("Alexa.", "alexa"),
        ("\u201cAlexa\u201d", "alexa"),
        ("\u2018alexa\u2019", "alexa"),
        ("hey, Jarvis", "hey jarvis"),
        ("hey_jarvis", "hey jarvis"),
        ("Hey-Jarvis", "hey jarvis"),
        ("hey  jarvis", "hey jarvis"),
        ("heyjarvis", "hey jarvis"),
        ("cafe\u0301", "caf\u00e9"),
        ("你好小爱。", "你好小爱"),
        ("\uff21\uff2c\uff25\uff38\uff21", "alexa"),
        ("Alexa™", "alexa"),
        ("\ufeffalexa", "alexa"),
        ("al\u00adexa", "alexa"),
        ("what\u2019s up", "whats up"),
        ("[[a2l'Eks@]]", "[[a2l'Eks@]]"),
    ],
)
def test_the_same(text, keyword):
    assert same(text, keyword)


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("Alexa, what time is it?", "alexa"),
        ("alexa's light", "alexa"),
        ("alexa\u2019s light", "alexa"),
        ("l'alexa", "alexa"),
        ("ok hey_jarvis", "hey jarvis"),
        ("你好小爱今天天气怎么样", "你好小爱"),
        ("アレクサ、音楽をかけて", "アレクサ"),
        ("알렉사야", "알렉사"),
        ("สวัสดีอเล็กซ่า", "อเล็กซ่า"),
    ],
)
def test_held_among_other_words(text, keyword):
    assert holds(text, keyword)
    assert not same(text, keyword)


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("alexandra", "alexa"),
        ("cafe", "caf\u00e9"),
        ("", "alexa"),
        ("?!", "alexa"),
        ("你好", "你好小爱"),
        ("hey jar vision", "hey jarvis"),
        ("[[a2leks@]]", "[[a2lEks@]]"),
        ("a2lEks@", "[[a2lEks@]]"),
    ],
)
def test_other_words(text, keyword):
    assert not holds(text, keyword)
    assert not same(text, keyword)
