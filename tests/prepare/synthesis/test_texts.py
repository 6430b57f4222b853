"""Keywords, pronunciations and sound-alikes of every kind, as they are spoken and labelled."""

import numpy as np
import pytest
import soundfile

from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.prepare.synthesis.casting import Cast
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.espeak_voices import espeak_voices
from s3rl_jax.prepare.synthesis.phonemes import distance
from s3rl_jax.prepare.synthesis.phrases import sound_alikes
from s3rl_jax.prepare.synthesis.script import Script
from s3rl_jax.prepare.synthesis.spoken_corpus import synthesise
from s3rl_jax.prepare.synthesis.synthesiser import Synthesiser, speak

ESPEAK = {"espeak": 1.0}


@pytest.mark.parametrize(
    ("keyword", "language"),
    [
        ("x", "en"),
        ("hey, robot number 42 -- switch on again!?", "en"),  # 40 characters and one
        ("“Hey-Jarvis”", "en"),
        ("alexa's light", "en"),
        ("cafe\u0301", "fr"),
        ("42", "de"),
        ("好", "cmn"),
        ("你好小爱。", "cmn"),
        ("-v", "en"),
        ("$(reboot); `id`", "en"),
    ],
)
def test_keywords_of_every_kind_are_spoken_and_labelled(tmp_path, keyword, language):
    synthesise(Script((keyword,), minutes=2.0, count=4, language=language, engines=ESPEAK), str(tmp_path), seed=0)
    rows = [row for row in read_source(str(tmp_path)) if row.label == keyword]
    assert len(rows) == 4
    assert all(soundfile.info(row.path).duration > 0.2 for row in rows)


def test_digits_are_spoken_as_the_language_says_them():
    espeak = Espeak()
    for language, words in (("en", "forty-two"), ("de", "zwei und vierzig"), ("fr", "quarante-deux")):
        assert distance(espeak.phonemes("42", language), espeak.phonemes(words, language)) <= 1  # a vowel of "forty"


def test_digits_have_other_numbers_as_sound_alikes():
    assert {"41", "43", "32", "52"} <= set(sound_alikes("42"))
    assert "42" not in sound_alikes("42")


@pytest.fixture(scope="module")
def espeak():
    return Espeak()


def lines(espeak, script, count=40, kind="keyword"):
    """Lines of a kind for the first keyword, as espeak-ng's voices get them."""
    synthesiser = Synthesiser(script, espeak, np.random.default_rng(0))
    cast = Cast({"espeak": espeak_voices(espeak, script.language)}, ESPEAK)
    return [synthesiser.line(kind, script.keywords[0], cast) for _ in range(count)]


def test_pronunciations_are_spoken_under_the_label_of_the_word(espeak):
    pronunciations = (("gif", "[[dZ'If]]"), ("gif", "[[g'If]]"))
    spoken = lines(espeak, Script(("gif",), context_share=0.5, pronunciations=pronunciations))
    assert {line.label for line in spoken} == {"gif"}
    assert {line.text for line in spoken} == {"[[dZ'If]]", "[[g'If]]"}, "never as it is spelled"
    assert any(line.before or line.after for line in spoken)


def test_a_pronunciation_of_a_word_that_is_only_spelled_has_a_plausible_length(espeak):
    script = Script(("привет",), context_share=0.0, pronunciations=(("привет", "[[prIv'jEt]]"),))
    for line in lines(espeak, script, 4):
        assert speak(line).samples.any()


def test_half_of_the_sound_alikes_are_those_of_the_user_spoken_as_other_words(espeak):
    script = Script(("alexa",), confusions=("a lecture", "[[a2l'Eksi]]"))
    spoken = lines(espeak, script, 60, "sound_alike")
    texts = [line.text.rstrip("!?,") for line in spoken]
    assert 18 <= sum(text in script.confusions for text in texts) <= 42
    assert {line.label for line in spoken if "lecture" in line.text} == {"a lecture"}
    assert {line.label for line in spoken if line.text == "[[a2l'Eksi]]"} == {""}
