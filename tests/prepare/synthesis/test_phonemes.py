import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3rl_jax.prepare.synthesis.espeak import ACCENTS, Espeak
from s3rl_jax.prepare.synthesis.phonemes import canonical, distance, inventory, is_vowel, nearest, pseudo_word, sound_alike

PHONEMES = st.lists(st.sampled_from(["a", "E", "k", "s", "t", "@", "'u:", "l"]), min_size=1, max_size=7).map(tuple)


@pytest.fixture(scope="module")
def espeak():
    return Espeak()


@functools.cache
def levenshtein(one, other):
    if not one or not other:
        return len(one) + len(other)
    changed = levenshtein(one[1:], other[1:]) + (one[0] != other[0])
    return min(changed, levenshtein(one[1:], other) + 1, levenshtein(one, other[1:]) + 1)


@given(PHONEMES, PHONEMES)
def test_the_distance_is_levenshteins(one, other):
    assert distance(one, other) == levenshtein(canonical(one), canonical(other))


def test_espeak_says_of_what_a_word_is_made(espeak):
    assert espeak.phonemes("alexa", "en") == ("a#", "l", "'E", "k", "s", "@")
    assert espeak.phonemes("hey computer", "en")[:3] == ("h", "'eI", "k")
    assert not any("_" in phoneme for phoneme in espeak.phonemes("Alexa, turn on!", "de"))
    assert espeak.phonemes("guten", "de") != espeak.phonemes("guten", "en")
    assert [is_vowel(phoneme) for phoneme in ("'E", "a#", "k", "tS")] == [True, True, False, False]


@pytest.mark.parametrize("keyword", ["alexa", "hey computer", "ok"])
@pytest.mark.parametrize("edits", [1, 2])
def test_sound_alikes_are_near_and_never_the_canonical(espeak, keyword, edits, rng):
    target = espeak.phonemes(keyword, "en")
    sounds = inventory(espeak.phonemes(word, "en") for word in ("father", "simple", "bottle", "kitchen", "zebra", "go"))
    found = {sound_alike(rng, target, sounds, edits) for _ in range(60)}
    assert len(found) > 20
    assert all(0 < distance(made, target) <= edits for made in found)


def test_the_same_sounds_in_another_accent_are_the_same():
    assert canonical(("a#", "l", "'E", "k", "s", "@")) == canonical(("@", "l", "E", "k", "s", "a#"))
    assert distance(("k", "i", "t"), ("k", "E", "t")) == 1


def test_real_words_come_nearest_first(espeak):
    words = {word: espeak.phonemes(word, "en") for word in ("letter", "ladder", "litter", "better", "elephant", "let her")}
    found = nearest(words["letter"], words, 3)
    assert found[0] in ("better", "litter", "ladder")
    away = [distance(words["letter"], words[word]) for word in found]
    assert away == sorted(away)
    assert 0 not in away
    assert "elephant" not in nearest(words["letter"], words, 9)


def test_espeak_speaks_phonemes_and_pseudo_words_differ(espeak, rng):
    text = espeak.speak("alexa", "en", 160, 50, 50)
    spelled = espeak.speak(f"[[{''.join(espeak.phonemes('alexa', 'en'))}]]", "en", 160, 50, 50)
    assert len(spelled) == pytest.approx(len(text), rel=0.1)
    sounds = inventory(espeak.phonemes(word, "en") for word in ("father", "simple"))
    assert len({pseudo_word(rng, sounds, 2) for _ in range(20)}) > 5


def test_all_accents_are_there(espeak):
    assert all(espeak.has(accent) for accent in ACCENTS)
    assert not espeak.has("tlhingan")
