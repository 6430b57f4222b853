"""Which keywords, phonemes and sound-alikes the voices of a language can speak."""

import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.pronunciations import parse_pronunciations
from s3rl_jax.prepare.synthesis.script import Script, read_confusions
from s3rl_jax.prepare.synthesis.speakable import check_speakable, scripts_of


@pytest.fixture(scope="module")
def espeak():
    return Espeak()


@pytest.mark.parametrize(
    ("keyword", "language"),
    [
        ("alexa", "en"),
        ("café", "en"),
        ("42", "en"),
        ("42", "ja"),
        ("x", "en"),
        ("straße", "de"),
        ("привет", "ru"),
        ("你好小爱", "cmn"),
        ("アレクサ", "ja"),
        ("알렉사", "ko"),
        ("नमस्ते", "hi"),
        ("γεια", "el"),
        ("zdravo", "sr"),
        ("здраво", "sr"),
        ("مرحبا", "ar"),
        ("[[a2l'Eks@]]", "en"),
        ("[[h'eI dZ'A@vIs]]", "en"),
        ("hey, Jarvis!", "en-us-nyc"),
    ],
)
def test_words_of_the_language_pass_in_silence(espeak, capsys, keyword, language):
    check_speakable(Script((keyword,), language=language), espeak)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("keyword", "language", "writing"),
    [
        ("알렉사", "en", "Hangul, and they read Latin"),
        ("네", "en", "Hangul"),
        ("नमस्ते", "en", "Devanagari"),
        ("alexa", "ru", "Latin, and they read Cyrillic"),
        ("xbox 360", "cmn", "Latin, and they read Bopomofo and Han"),
    ],
)
def test_a_word_in_another_script_is_warned_of(espeak, capsys, keyword, language, writing):
    check_speakable(Script((keyword,), language=language), espeak)
    warned = capsys.readouterr().err
    assert warned.startswith(f"warning: --language={language}: ")
    assert keyword in warned
    assert writing in warned
    assert len(warned.splitlines()) == 1


@pytest.mark.parametrize(
    ("keyword", "language"),
    [
        ("привет", "en"),
        ("привет", "de"),
        ("你好小爱", "en"),
        ("你", "en"),
        ("你好", "ja"),
        ("アレクサ", "en"),
        ("hey 你好", "en"),
        ("hey你好", "en"),
        ("مرحبا", "en"),
        ("alexa", "ja"),
        ("สวัสดี", "en"),
    ],
)
def test_a_word_that_is_only_spelled_is_refused(espeak, keyword, language):
    with pytest.raises(UserError, match=rf"^--language={language}: its voices cannot say '{keyword}'.*expected"):
        check_speakable(Script((keyword,), language=language), espeak)
    pronounced = Script((keyword,), language=language, pronunciations=((keyword, "[[niha]]"),))
    check_speakable(pronounced, espeak)


def test_scripts_of_languages():
    assert scripts_of("en-029") == {"Latn"}
    assert scripts_of("ja") == {"Hira", "Kana"}
    assert scripts_of("yue") == scripts_of("cmn") == {"Hani", "Bopo"}


@pytest.mark.parametrize(
    ("phonemes", "read"), [("a§lEks@", "'a'"), ("al8Eks@", "'al'"), ("əlɛksə", "''"), ("h'eI dZ9", "'dZ'"), ("t§", "'t'")]
)
def test_phonemes_that_espeak_does_not_have_are_named(espeak, phonemes, read):
    for script, flag in (
        (Script(("alexa",), pronunciations=(("alexa", f"[[{phonemes}]]"),)), "--pronounce"),
        (Script((f"[[{phonemes}]]",)), "--synthesize"),
        (Script(("alexa",), confusions=(f"[[{phonemes}]]",)), "--confusions"),
    ):
        with pytest.raises(UserError, match=rf"^{flag}.*reads {read}; expected its mnemonics"):
            check_speakable(script, espeak)


def test_pronunciations_are_of_the_keywords():
    keywords = ("alexa", "hey jarvis", "[[k@mp]]")
    values = ["Alexa = a2l'Eks@", "alexa=[[a2l'Eks@]]", "alexa=a#l'eks@", "hey-jarvis=h'eI dZ'A@vIs,=t"]
    assert parse_pronunciations(values, keywords) == (
        ("alexa", "[[a2l'Eks@]]"),
        ("alexa", "[[a#l'eks@]]"),
        ("hey jarvis", "[[h'eI dZ'A@vIs,=t]]"),
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("alexa", "expected word=phonemes"),
        ("alexa=", "expected word=phonemes"),
        ("alexa=[[ ]]", "expected word=phonemes"),
        ("=a2", "expected word=phonemes"),
        ("computer=k", "'computer' is none of the words of --synthesize; expected one of alexa"),
        ("?=k", "'?' is none of the words"),
    ],
)
def test_pronunciations_that_are_refused(value, reason):
    with pytest.raises(UserError) as error:
        parse_pronunciations([value], ("alexa",))
    assert str(error.value).startswith(f"--pronounce={value!r}: ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_sound_alikes_of_a_file(tmp_path):
    file = tmp_path / "alike.txt"
    file.write_bytes("\ufeffAlexis\n\n  a lecture \nalexandra\nAlexis\n[[a2l'Eksi]]\n".encode())
    assert read_confusions(str(file), ("alexa",)) == ("Alexis", "a lecture", "alexandra", "[[a2l'Eksi]]")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no lines"),
        (b"\n \n", "no lines"),
        (b"alexis\n?!\n", r", line 2: '\?!' has no letters"),
        (b"alexis\n\nAlexa!\n", r", line 3: 'Alexa!' holds 'alexa'"),
        (b"alexa's light", ", line 1: .* holds 'alexa'"),
        (b"\xff\xfe", "expected a UTF-8 text file"),
    ],
)
def test_files_of_sound_alikes_that_are_refused(tmp_path, content, reason):
    (tmp_path / "alike.txt").write_bytes(content)
    with pytest.raises(UserError, match=rf"^--confusions={tmp_path}/alike.txt.*{reason}") as error:
        read_confusions(str(tmp_path / "alike.txt"), ("alexa",))
    assert "\n" not in str(error.value)


def test_a_sound_alike_that_is_spoken_as_the_keyword_is_refused(espeak):
    with pytest.raises(UserError, match=r"^--confusions: 'sea' is spoken as 'see' is"):
        check_speakable(Script(("see",), confusions=("say", "sea")), espeak)
    with pytest.raises(UserError, match="is spoken as 'alexa' is"):
        check_speakable(Script(("alexa",), pronunciations=(("alexa", "[[si:]]"),), confusions=("[[si:]]",)), espeak)
