"""Piper voices: the one of the wheel, and a small one of three speakers that is made here."""

# ruff: noqa: RUF001 (IPA looks like other letters)

import json

import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.piper_voices import piper_voices
from s3rl_jax.prepare.synthesis.trimming import trimmed
from s3rl_jax.prepare.synthesis.voice import Manner

SPEAKERS = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], np.float32)


@pytest.fixture(scope="module")
def espeak():
    return Espeak()


@pytest.fixture
def folder(tmp_path):
    """A voice whose "speech" is its speaker's vector, then the noise that the graph draws, a value for each phoneme."""
    from onnx import TensorProto, helper, numpy_helper, save

    value, node = helper.make_tensor_value_info, helper.make_node
    inputs = [
        value("input", TensorProto.INT64, [1, "phonemes"]),
        value("input_lengths", TensorProto.INT64, [1]),
        value("scales", TensorProto.FLOAT, [3]),
        value("sid", TensorProto.INT64, [1]),
    ]
    nodes = [
        node("Gather", ["emb_g.weight", "sid"], ["vector"]),
        node("Unsqueeze", ["vector", "first"], ["speaker_row"]),
        node("Cast", ["input"], ["phonemes"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["phonemes", "first"], ["like"]),
        node("RandomNormalLike", ["like"], ["drawn"]),
        node("Concat", ["speaker_row", "drawn"], ["output"], axis=2),
    ]
    tables = [numpy_helper.from_array(SPEAKERS, "emb_g.weight"), numpy_helper.from_array(np.array([0], np.int64), "first")]
    graph = helper.make_graph(nodes, "voice", inputs, [value("output", TensorProto.FLOAT, None)], tables)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), str(tmp_path / "en_US-toy.onnx"))
    settings = {
        "audio": {"sample_rate": 16_000},
        "espeak": {"voice": "en-us"},
        "phoneme_id_map": {symbol: [i] for i, symbol in enumerate("_^$.əɐlˈɛks")},
        "speaker_id_map": {"p1": 0, "p2": 1, "p3": 2},
    }
    (tmp_path / "en_US-toy.onnx.json").write_text(json.dumps(settings))
    return tmp_path


def test_every_speaker_and_blends_of_two(folder, espeak):
    voices = {voice.name: voice for voice in piper_voices(espeak, "en", str(folder)) if "toy" in voice.name}
    assert list(voices) == ["piper:en_US-toy/p1", "piper:en_US-toy/p2", "piper:en_US-toy/p3"]
    one, two = voices["piper:en_US-toy/p1"], voices["piper:en_US-toy/p2"]
    for voice, vector in zip(voices.values(), SPEAKERS, strict=True):
        np.testing.assert_allclose(voice.speak("alexa", "en-us", Manner()).samples[:2], vector)
    blend = one.blend(two, 0.25)
    assert blend.name == "piper:en_US-toy/p1+en_US-toy/p2"
    assert blend.persons == one.persons | two.persons
    np.testing.assert_allclose(blend.speak("alexa", "en-us", Manner()).samples[:2], [0.75, 0.25])
    assert one.blend(one, 0.5) is one


def test_the_seed_decides_the_noise(folder, espeak):
    voice = piper_voices(espeak, "en", str(folder))[0]
    first, again, other = (voice.speak("alexa", "en-us", Manner(seed=seed)).samples for seed in (1, 1, 2))
    assert len(first) == 2 + 2 * len("^ɐlˈɛksə.") + 1, "a pad after each but the last"
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert abs(first[2:].mean()) < 1.5
    assert 0.4 < first[2:].std() < 2.0


def test_the_voice_of_the_wheel_speaks(espeak):
    (joe,) = piper_voices(espeak, "en", "")
    assert joe.name == "piper:en_US-joe-medium"
    word = joe.speak("alexa", "en-us", Manner(seed=5))
    assert 0.3 < len(trimmed(word.samples, word.rate)) / word.rate < 1.3
    np.testing.assert_array_equal(word.samples, joe.speak("alexa", "en-us", Manner(seed=5)).samples)
    assert not np.array_equal(word.samples, joe.speak("alexa", "en-us", Manner(seed=6)).samples)
    slow = joe.speak("alexa", "en-us", Manner(rate=0.7, seed=5))
    assert len(slow.samples) > 1.2 * len(word.samples)
    with pytest.raises(ValueError, match="no phonemes"):
        joe.speak("...", "en-us", Manner())
    assert piper_voices(espeak, "de", "") == []


@pytest.mark.parametrize("content", [None, "{", "{}", '{"espeak": {"voice": "en"}, "audio": {"sample_rate": "x"}}', "[]"])
def test_a_voice_without_a_readable_json_is_named(folder, espeak, content):
    path = folder / "en_US-toy.onnx.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UserError, match=r"--piper_voices: .*en_US-toy.onnx.json: .*; expected the .json of a Piper voice"):
        piper_voices(espeak, "en", str(folder))
