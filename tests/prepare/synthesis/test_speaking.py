"""Engines that fail are replaced and counted; keywords among other speech are where the utterance says."""

import itertools

import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.casting import Cast
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.script import Script
from s3rl_jax.prepare.synthesis.speaking import Speakers
from s3rl_jax.prepare.synthesis.synthesiser import Line, Synthesiser, speak
from s3rl_jax.prepare.synthesis.voice import Manner, Speech, Voice

RATE = 16_000


class Toy(Voice):
    """Speaks a tone of 50 ms for each letter, between silences; its height says whose it is. Refuses what it is told to."""

    accents, phonetic = ("en",), False

    def __init__(self, engine: str, refused=lambda text: False, hertz: float = 440.0, letter: float = 0.05):
        self.engine, self.name, self.persons = engine, f"{engine}:toy", frozenset((engine,))
        self.refused, self.hertz, self.letter = refused, hertz, letter

    def speak(self, text: str, accent: str, manner: Manner) -> Speech:
        if self.refused(text):
            raise RuntimeError("cannot say\nthat")
        time = np.arange(int(len(text) * self.letter * RATE)) / RATE
        silence = np.zeros(RATE // 4, np.float32)
        return Speech(np.concatenate([silence, np.sin(2 * np.pi * self.hertz * time).astype(np.float32), silence]), RATE)


def spoken(voices: list[Voice], kinds: list[tuple[str, str]], workers: int = 2, **options):
    script = Script(("alexa",), **options)
    speakers = Speakers(Synthesiser(script, Espeak(), np.random.default_rng(0)), workers)
    cast = Cast({voice.engine: [voice] for voice in voices}, {voice.engine: 1.0 for voice in voices})
    try:
        return list(speakers.utterances(iter(kinds), cast)), speakers
    finally:
        speakers.close()


KINDS = [("keyword", "alexa"), ("word", "alexa"), ("sentence", "alexa")] * 30


def test_an_engine_that_fails_is_replaced_and_counted(capsys):
    lines, speakers = spoken([Toy("good"), Toy("broken", refused=lambda text: True)], KINDS)
    assert len(lines) == len(KINDS)
    assert {line.voice.engine for line, _ in lines} == {"good"}
    assert 20 < len(speakers.failures) < 70
    assert {(failure.engine, failure.reason) for failure in speakers.failures} == {("broken", "cannot say that")}
    assert f"broken did not speak {len(speakers.failures)} texts" in capsys.readouterr().err


def test_a_text_that_no_engine_speaks_is_left_out_and_such_a_keyword_is_an_error():
    voice = Toy("only", refused=lambda text: " " in text)
    lines, speakers = spoken([voice], KINDS, context_share=0.0)
    assert len(lines) == 60
    assert len(speakers.failures) == 30
    with pytest.raises(UserError, match=r"--synthesize=alexa: no engine speaks it \(only: cannot say that\)"):
        spoken([Toy("only", refused=lambda text: "alexa" in text)], KINDS)


def test_a_keyword_of_no_plausible_length_and_silence_are_failures():
    _, speakers = spoken([Toy("fine", letter=0.1), Toy("slow", letter=0.9)], [("keyword", "alexa")] * 40, context_share=0.0)
    assert {failure.engine for failure in speakers.failures} == {"slow"}
    assert all("expected about 0." in failure.reason for failure in speakers.failures)
    mute = Line("alexa", "alexa", Toy("mute", hertz=0.0), "en", Manner())
    with pytest.raises(RuntimeError, match="no sound"):
        speak(mute)


def test_threads_change_nothing():
    voices = [Toy("a"), Toy("b", hertz=300.0)]
    one, four = (spoken(voices, KINDS, workers)[0] for workers in (1, 4))
    assert [line[:2] for line, _ in one] == [line[:2] for line, _ in four]
    for (_, first), (_, second) in zip(one, four, strict=True):
        np.testing.assert_array_equal(first.samples, second.samples)


def test_the_place_of_a_keyword_among_other_speech():
    lines, _ = spoken([Toy("a", letter=0.09)], [("keyword", "alexa")] * 200, context_share=1.0)
    shapes = set()
    for line, utterance in lines:
        assert line.label == "alexa"
        assert utterance.word is not None
        begin, end = utterance.word
        length = len(utterance.samples) / utterance.rate
        assert 0 <= begin < end <= length + 1e-6
        if line.share:  # the letters say where the word is; the estimate must hold most of it
            first = line.text.startswith("alexa")
            shapes.add("one breath, first" if first else "one breath, last")
            assert (begin < 0.05) if first else (end == pytest.approx(length, abs=0.05))
            assert 0.3 < (end - begin) / 0.45 < 3
        else:
            expected = len(line.text) * 0.09
            assert end - begin == pytest.approx(expected, abs=0.08)
            assert (begin > 0.3) == bool(line.before)
            assert (length - end > 0.3) == bool(line.after)
            shapes.add((bool(line.before), bool(line.after)))
            if line.before:
                assert begin == pytest.approx(len(line.before) * 0.09 + line.pauses[0], abs=0.08)
    assert shapes == {"one breath, first", "one breath, last", (True, False), (False, True), (True, True)}
    pauses = [line.pauses[0] for line, _ in lines if line.before]
    assert 0.1 < np.mean(np.array(pauses) == 0) < 0.6, "with and without a pause"


def test_rates_pitches_and_marks_vary():
    lines = [line for line, _ in spoken([Toy("a")], [("keyword", "alexa")] * 200, context_share=0.0)[0]]
    rates, pitches = (np.array([getattr(line.manner, name) for line in lines]) for name in ("rate", "pitch"))
    assert 0.8 <= rates.min() < 0.84
    assert 1.2 < rates.max() <= 1.25
    assert 0.88 <= pitches.min() < 1 < pitches.max() <= 1.14
    assert {line.text for line in lines} == {"alexa", "alexa!", "alexa?", "alexa,"}
    assert len({line.manner.seed for line in lines}) == len(lines)


def test_lines_are_spoken_in_order_and_only_as_many_as_are_taken():
    drawn = itertools.count()

    def kinds():
        while True:
            next(drawn)
            yield "word", "alexa"

    speakers = Speakers(Synthesiser(Script(("alexa",)), Espeak(), np.random.default_rng(0)), 2)
    cast = Cast({"a": [Toy("a")]}, {"a": 1.0})
    taken = list(itertools.islice(speakers.utterances(kinds(), cast), 40))
    speakers.close()
    assert len(taken) == 40
    assert next(drawn) == 64, "two batches of 32"
