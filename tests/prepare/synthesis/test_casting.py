"""Nobody speaks in two splits, whatever voices there are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.casting import Cast, divide_voices
from s3rl_jax.prepare.synthesis.voice import Manner, Speech, Voice


class Actor(Voice):
    """A voice of any persons, which says nothing."""

    accents = ("en",)

    def __init__(self, engine: str, persons: frozenset[str], phonetic: bool = True):
        self.engine, self.persons, self.phonetic = engine, persons, phonetic
        self.name = f"{engine}:{'+'.join(sorted(persons))}"

    def speak(self, text: str, accent: str, manner: Manner) -> Speech:
        return Speech(np.zeros(0, np.float32), 16_000)

    def blend(self, other: Voice, share: float) -> Voice:
        return Actor(self.engine, self.persons | other.persons, self.phonetic)


def actors(engine: str, names: list[str]) -> list[Voice]:
    return [Actor(engine, frozenset((name,))) for name in names]


def heard(cast: Cast, seed: int, draws: int = 60, **options) -> list[Voice]:
    rng = np.random.default_rng(seed)
    return [cast.draw(rng, "keyword", options.get("phonetic", False), options.get("without", ())) for _ in range(draws)]


PERSONS = st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=24, unique=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(PERSONS, min_size=1, max_size=4), st.integers(0, 99))
def test_no_person_is_heard_in_two_splits(engines, seed):
    """Engines share persons here, as hibari has voices of Kokoro's."""
    voices = {f"e{i}": actors(f"e{i}", names) for i, names in enumerate(engines)}
    try:
        casts = divide_voices(np.random.default_rng(seed), voices, dict.fromkeys(voices, 1.0))
    except UserError:
        assert all(len(names) < 3 for names in engines) or len(engines) > 1
        return
    persons = [{person for voice in heard(cast, seed) for person in voice.persons} for cast in casts]
    for one in range(3):
        assert persons[one]
        for other in range(one):
            assert not persons[one] & persons[other]


def test_many_voices_are_divided_by_shares_and_few_one_by_one():
    voices = {"many": actors("many", [f"m{i}" for i in range(40)]), "few": actors("few", ["x", "y", "z", "w"])}
    casts = divide_voices(np.random.default_rng(0), voices, {"many": 1.0, "few": 1.0})
    counts = [
        {engine: len({p for v in heard(cast, 1, 900) if v.engine == engine for p in v.persons}) for engine in voices}
        for cast in casts
    ]
    assert [count["many"] for count in counts] == [26, 4, 10]
    assert [count["few"] for count in counts] == [2, 1, 1]


def test_a_copy_of_a_speaker_by_another_engine_goes_where_the_speaker_is():
    voices = {"copy": actors("copy", ["p7"]), "original": actors("original", [f"p{i}" for i in range(20)])}
    for seed in range(20):
        casts = divide_voices(np.random.default_rng(seed), voices, {"copy": 1.0, "original": 1.0})
        assert ["copy" in cast.engines for cast in casts] == [True, False, False]
        assert "p7" in {person for voice in heard(casts[0], seed, 400) for person in voice.persons}


def test_shares_are_kept_and_slow_engines_speak_fewer_sentences():
    cast = Cast({"kokoro": actors("kokoro", ["a"]), "espeak": actors("espeak", ["b"])}, {"kokoro": 3.0, "espeak": 1.0})
    rng = np.random.default_rng(0)
    share = {
        kind: np.mean([cast.draw(rng, kind, False).engine == "kokoro" for _ in range(2000)]) for kind in ("keyword", "sentence")
    }
    assert share["keyword"] == pytest.approx(0.75, abs=0.04)
    assert share["sentence"] == pytest.approx(0.3 / 1.3, abs=0.04)


def test_engines_that_failed_or_speak_no_phonemes_are_left_out():
    cast = Cast({"a": actors("a", ["x"]), "b": [Actor("b", frozenset("y"), phonetic=False)]}, {"a": 1.0, "b": 1.0})
    assert {voice.engine for voice in heard(cast, 0, phonetic=True)} == {"a"}
    assert {voice.engine for voice in heard(cast, 0, without=("a",))} == {"b"}
    assert cast.draw(np.random.default_rng(0), "keyword", True, ("a",)) is None
