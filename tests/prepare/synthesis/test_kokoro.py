"""Kokoro and hibari: their phonemes, their speakers, and the models themselves."""

# ruff: noqa: RUF001 (IPA looks like other letters)

import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.hibari_voices import hibari_voices
from s3rl_jax.prepare.synthesis.kokoro import kokoro_voices, person, symbol_ids
from s3rl_jax.prepare.synthesis.kokoro_phonemes import kokoro_phonemes
from s3rl_jax.prepare.synthesis.trimming import trimmed
from s3rl_jax.prepare.synthesis.voice import Manner


@pytest.fixture(scope="module")
def espeak():
    return Espeak()


@pytest.fixture(scope="module")
def voices(espeak):
    return {voice.name: voice for voice in kokoro_voices(espeak, "en", "")}


def seconds(speech) -> float:
    return len(trimmed(speech.samples, speech.rate)) / speech.rate


@pytest.mark.parametrize(
    ("text", "accent", "expected"),
    [
        ("alexa", "en-us", "əlˈɛksə"),
        ("hey jarvis", "en-us", "hˈA ʤˈɑɹvɪs"),
        ("hey jarvis", "en-gb-x-rp", "hˈA ʤˈɑːvɪs"),
        ("computer", "en-us", "kəmpjˈuɾəɹ"),
        ("go home", "en-gb-x-rp", "ɡˌQ hˈQm"),
        ("go home", "en-us", "ɡˌO hˈOm"),
        ("boy", "en-us", "bˈY"),
        ("bird house", "en-us", "bˈɜɹd hˈWs"),
        ("[[@l'Eks@]]", "en-us", "əlˈɛksə"),
        ("buongiorno", "it", "bʊonʤˈɔrno"),
    ],
)
def test_phonemes_are_those_that_the_models_learned(espeak, text, accent, expected):
    assert ", ".join(kokoro_phonemes(clause, accent) for clause in espeak.ipa(text, accent)) == expected


def test_the_phonemes_agree_with_hibari_s_own(espeak):
    """hibari brings a lexicon of its own for the same alphabet: most words must come out the same."""
    from hibari import Hibari

    words = ("alexa", "jarvis", "kitchen", "banana", "window", "doctor", "music", "light", "volume", "garden", "coffee")
    hibari = Hibari()
    own = [hibari.phonemize(word)[0] for word in words]
    ours = [kokoro_phonemes(espeak.ipa(word, "en-us")[0], "en-us") for word in words]
    assert sum(a == b for a, b in zip(own, ours, strict=True)) >= 7, list(zip(own, ours, strict=True))


def test_marks_and_empty_texts(espeak):
    plain, asked = symbol_ids(espeak, "alexa", "en-us"), symbol_ids(espeak, "alexa?", "en-us")
    assert plain[:-1] == asked[:-1]
    assert plain[-1] != asked[-1]
    with pytest.raises(ValueError, match="0 phonemes"):
        symbol_ids(espeak, "...", "en-us")
    with pytest.raises(ValueError, match="expected 1 to"):
        symbol_ids(espeak, "banana " * 90, "en-us")


def test_kokoro_speaks_with_each_voice_its_own_way(voices, espeak):
    assert len(voices) == 54
    assert kokoro_voices(espeak, "de", "") == [], "a language that the model did not learn"
    heart, adam = voices["kokoro:af_heart"], voices["kokoro:am_adam"]
    one = heart.speak("-alexa; $(rm)", "en-us", Manner(seed=1))
    assert 0.5 < seconds(one) < 2.5
    word = heart.speak("alexa", "en-us", Manner(seed=1))
    assert 0.3 < seconds(word) < 1.2
    assert np.array_equal(word.samples, heart.speak("alexa", "en-us", Manner(seed=1)).samples)
    other = adam.speak("alexa", "en-us", Manner(seed=1))
    slow = heart.speak("alexa", "en-us", Manner(rate=0.7, seed=1))
    assert seconds(slow) > 1.2 * seconds(word)
    high = heart.speak("alexa", "en-us", Manner(pitch=1.2, seed=1))
    assert seconds(high) == pytest.approx(seconds(word), rel=0.25)
    assert _pitch(high) > 1.08 * _pitch(word)
    assert _pitch(word) > 1.3 * _pitch(other), "a woman and a man"


def test_a_blend_lies_between(voices):
    heart, adam = voices["kokoro:af_heart"], voices["kokoro:am_adam"]
    blend = heart.blend(adam, 0.5)
    assert blend.name == "kokoro:af_heart+am_adam"
    assert blend.persons == heart.persons | adam.persons
    pitches = [_pitch(voice.speak("alexa", "en-us", Manner())) for voice in (adam, blend, heart)]
    assert pitches == sorted(pitches)
    assert heart.blend(heart, 0.5) is heart


def test_persons_are_not_taken_for_others(voices):
    assert person("am_santa") == person("em_santa")
    assert person("af_heart") != person("af_sky")
    assert len({p for voice in voices.values() for p in voice.persons}) == 49
    assert voices["kokoro:bm_george"].accents == ("en-gb-x-rp",)
    assert voices["kokoro:jf_alpha"].accents == ("en-us", "en-gb-x-rp")


def test_more_styles_from_a_folder(tmp_path, espeak):
    style = np.random.default_rng(0).normal(0, 0.1, (510, 1, 256)).astype(np.float32)
    style.tofile(tmp_path / "af_mine.bin")
    np.savez(tmp_path / "two.npz", am_one=style, am_two=style)
    names = [voice.name for voice in kokoro_voices(espeak, "en-us", str(tmp_path))]
    assert {"kokoro:af_mine", "kokoro:am_one", "kokoro:am_two", "kokoro:af_heart"} <= set(names)
    np.save(tmp_path / "short.npy", style[:20])
    with pytest.raises(UserError, match="short has 5120 values of float32; expected 510 x 256"):
        kokoro_voices(espeak, "en-us", str(tmp_path))


def test_hibari_is_a_voice_of_kokoro(espeak):
    voices = hibari_voices(espeak, "en")
    heart = next(voice for voice in voices if voice.name == "hibari:heart")
    assert heart.persons == {person("af_heart")}
    word = heart.speak("alexa", "en-us", Manner(seed=3))
    assert 0.3 < seconds(word) < 1.2
    assert np.array_equal(word.samples, heart.speak("alexa", "en-us", Manner(seed=3)).samples)
    assert seconds(heart.speak("alexa", "en-us", Manner(rate=0.7))) > 1.2 * seconds(word)
    assert hibari_voices(espeak, "fr") == []


def _pitch(speech) -> float:
    """The median of the fundamental frequency, by autocorrelation of frames of 50 ms, in Hz."""
    size, pitches = round(0.05 * speech.rate), []
    samples = trimmed(speech.samples, speech.rate)
    for start in range(0, len(samples) - size, size // 2):
        frame = samples[start : start + size]
        correlation = np.correlate(frame, frame, "full")[size - 1 :]
        low, high = round(speech.rate / 400), round(speech.rate / 70)
        lag = low + int(correlation[low:high].argmax())
        if correlation[lag] > 0.6 * correlation[0] and correlation[0] > 0:
            pitches.append(speech.rate / lag)
    return float(np.median(pitches))
