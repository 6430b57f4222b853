import collections
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.prepare.preparation import Options
from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.prepare.summary import describe
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.noise_and_rooms import KINDS, coloured_noise, generate_noise
from s3rl_jax.prepare.synthesis.phrases import sentence, sound_alikes
from s3rl_jax.prepare.synthesis.programs import ProgramVoice
from s3rl_jax.prepare.synthesis.resume import prepare_spoken
from s3rl_jax.prepare.synthesis.script import Script
from s3rl_jax.prepare.synthesis.spoken_corpus import synthesise
from tests.conftest import run_module

ESPEAK = {"espeak": 1.0}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    out = str(tmp_path_factory.mktemp("spoken") / "corpus")
    done = run_module("prepare", "--synthesize=alexa", "--minutes=4", "--engines=espeak", f"--out={out}")
    assert done.returncode == 0, done.stderr
    return out


def test_the_keyword_and_everything_else_is_spoken_in_each_split(spoken):
    speakers = {}
    for split in ("train", "validation", "test"):
        clips = read_corpus(spoken, split)
        speech = clips.columns["kind"] == "speech"
        speakers[split] = set(clips.columns["speaker"][speech])
        assert (clips.columns["kind"] == "noise").sum() >= len(KINDS)
        if split != "validation":  # 4 minutes leave it a handful of clips
            assert (clips.columns["label"] == "alexa").sum() >= 2
            assert (speech & (clips.columns["label"] == "")).sum() >= 2  # sound-alikes by phonemes
            assert (speech & (clips.columns["label"] != "alexa")).sum() >= 10
        assert all("espeak" in licence for licence in clips.columns["licence"][speech])
        assert all(clips.columns["licence"])
        for row in clips.rows(speech):
            assert np.abs(clips.audio(row).astype(int)).max() > 500
    assert not speakers["train"] & speakers["test"], "no voice stands in two splits"


def test_the_same_seed_says_the_same(spoken, tmp_path):
    # espeak-ng itself gives slightly different samples in a few clips of a hundred; words, voices and timing are fixed.
    done = run_module("prepare", "--synthesize=alexa", "--minutes=4", "--engines=espeak", f"--out={tmp_path}/again")
    assert done.returncode == 0, done.stderr
    one, other = read_corpus(spoken, "test"), read_corpus(f"{tmp_path}/again", "test")
    assert len(one) == len(other)
    for name in one.columns:
        if name not in ("speech_start", "speech_end", "offset"):
            np.testing.assert_array_equal(one.columns[name], other.columns[name])
    same = [np.array_equal(one.audio(row), other.audio(row)) for row in range(len(one))]
    assert np.mean(same) > 0.8


def test_keywords_in_context_are_found_where_the_manifest_says(tmp_path):
    script = Script(("alexa",), minutes=2.0, count=24, engines=ESPEAK, context_share=1.0)
    synthesise(script, str(tmp_path), seed=1)
    clips = [clip for clip in read_source(str(tmp_path)) if clip.label == "alexa"]
    assert len(clips) == 24
    alone = Espeak().speak("alexa", "en", 170, 50, 50)
    seconds = len(alone) / 22_050
    places = []
    for clip in clips:
        audio, rate = soundfile.read(clip.path)
        assert 0 < clip.speech_start_s < clip.speech_end_s < len(audio) / rate
        assert 0.4 * seconds < clip.speech_end_s - clip.speech_start_s < 2 * seconds
        word = audio[int(clip.speech_start_s * rate) : int(clip.speech_end_s * rate)]
        assert np.abs(word[: rate // 20]).max() > 0.05 * np.abs(word).max(), "it begins where it is said to begin"
        places.append(clip.speech_start_s / (len(audio) / rate))
    assert min(places) < 0.2
    assert max(places) > 0.5


def test_a_sentence_that_holds_the_keyword_is_no_negative(tmp_path):
    script = Script(("turn on",), minutes=2.0, texts=("please turn on the light", "what a day"), engines=ESPEAK)
    synthesise(script, str(tmp_path), seed=0)
    labels = {clip.label for clip in read_source(str(tmp_path)) if clip.kind == "speech"}
    assert {"please turn on the light", "what a day", "turn on"} <= labels


def test_another_language_with_texts_and_without(tmp_path):
    for name, texts in (("with", ("wie spät ist es", "mach das licht an")), ("without", ())):
        (tmp_path / name).mkdir()
        script = Script(("guten morgen",), minutes=2.0, language="de", texts=texts, engines=ESPEAK)
        synthesise(script, str(tmp_path / name), seed=0)
        clips = [clip for clip in read_source(str(tmp_path / name)) if clip.kind == "speech"]
        assert {clip.lang for clip in clips} == {"de"}
        assert sum(clip.label == "guten morgen" for clip in clips) >= 3
        labels = {clip.label for clip in clips}
        assert ("wie spät ist es" in labels) == bool(texts)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--language=tlh",), "--language=tlh"),
        (("--engines=siri",), "--engines: siri"),
        (("--engines=espeak=0",), "--engines: espeak=0; expected a share above 0"),
        (("--engines=kokoro", "--language=de"), "--engines=kokoro: 0 voices for de"),
        (("--engines=hibari",), "--engines=hibari: 1 voices; expected one a split"),
        (("--piper_voices=nowhere",), "--piper_voices=nowhere"),
        (("--kokoro_voices=nowhere",), "--kokoro_voices=nowhere"),
        (("--texts=nowhere.txt",), "--texts=nowhere.txt"),
        (("--minutes=1",), "--minutes=1"),
        (("--count=-1",), "--count=-1"),
        (("--piper_voices=x", "--engines=espeak"), "--piper_voices=x: expected piper among --engines"),
        (("--engines=espeak", "--pronounce=alexa"), "--pronounce='alexa'"),
        (("--engines=espeak", "--pronounce=banana=b"), "--pronounce='banana=b'"),
        (("--engines=espeak", "--pronounce=alexa=a§"), "--pronounce='alexa=[[a§]]'"),
        (("--engines=espeak", "--confusions=nowhere.txt"), "--confusions=nowhere.txt"),
        (("--engines=espeak", "--language=ja"), "--language=ja: its voices cannot say 'alexa'"),
    ],
)
def test_a_mistake_is_named(tmp_path, flags, named):
    done = run_module("prepare", "--synthesize=alexa", f"--out={tmp_path}/out", *flags)
    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_sound_alikes_of_alexa():
    found = sound_alikes("alexa")
    assert {"alex", "exa", "alexo"} <= set(found)
    assert "alexa" not in found
    assert len(found) == len(set(found)) > 20


@settings(max_examples=50, deadline=None)
@given(st.text("abcdefghijklmnopqrstuvwxyz ", min_size=3, max_size=20), st.integers(0, 1000))
def test_sound_alikes_of_anything_are_other_words(keyword, seed):
    assert all(other.strip() and other != keyword for other in sound_alikes(keyword))
    assert sentence(np.random.default_rng(seed)).strip()


@pytest.mark.parametrize(("exponent", "slope"), [(0.0, 0.0), (1.0, -1.0), (2.0, -2.0)])
def test_coloured_noise_falls_as_it_should(rng, exponent, slope):
    frequency, power = signal.welch(coloured_noise(rng, 160_000, exponent), 16_000, nperseg=2048)
    band = (frequency > 100) & (frequency < 6000)
    measured = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]
    assert measured == pytest.approx(slope, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_noise_is_finite_and_audible(rng, kind):
    audio = generate_noise(rng, kind, 1.0, [rng.standard_normal(4000)])
    assert audio.shape == (16_000,)
    assert np.isfinite(audio).all()
    assert 0.4 < np.abs(audio).max() <= 0.51


def test_phonemes_and_digits_are_keywords_like_words(tmp_path):
    """Phonemes are labelled as the keyword, not as something without a text, which would be a negative."""
    script = Script(("[[a2l'Eks@]]", "42"), minutes=2.0, count=12, engines=ESPEAK)
    synthesise(script, str(tmp_path), seed=0)
    rows = [row for row in read_source(str(tmp_path)) if row.kind == "speech"]
    assert sum(row.label == "[[a2l'Eks@]]" for row in rows) == 12
    assert sum(row.label == "42" for row in rows) == 12
    assert any(row.label == "" for row in rows), "sound-alikes by phonemes"


def test_phonemes_need_an_engine_that_speaks_them(tmp_path, monkeypatch):
    script = Script(("[[a2l'Eks@]]",), minutes=2.0, engines={"flite": 1.0})
    voices = [ProgramVoice("flite", name, "en") for name in "abc"]
    monkeypatch.setattr("s3rl_jax.prepare.synthesis.engines.flite_voices", lambda language: voices)
    with pytest.raises(UserError, match="no engine speaks it; expected espeak, kokoro, hibari or piper for phonemes"):
        synthesise(script, str(tmp_path), seed=0)


def test_the_summary_counts_what_holds_the_keyword_among_other_words(tmp_path):
    script = Script(("turn on",), minutes=2.0, count=6, texts=("please turn on the light", "what a day"), engines=ESPEAK)
    summary = prepare_spoken(script, str(tmp_path), 0, Options())
    clips = [read_corpus(str(tmp_path), split) for split in ("train", "validation", "test")]
    labels = [str(label) for each in clips for label in each.columns["label"]]
    assert summary["keywords"] == {"turn on": 6}
    assert summary["left_out"] == labels.count("please turn on the light") > 0
    assert "hold a keyword among other words: neither positives nor negatives" in describe(summary, "out")


def test_a_killed_synthesis_goes_on_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    script, out = Script(("alexa",), minutes=2.0, engines=ESPEAK), tmp_path / "out"

    def killed(job):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("s3rl_jax.prepare.workers.write_shard", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare_spoken(script, str(out), 0, Options())
    spoken = sorted((out / "synthesis").rglob("*.wav"))
    stamps = [path.stat().st_mtime_ns for path in spoken]
    with pytest.raises(UserError, match="begun with another script: seed was 0, is 1"):
        prepare_spoken(script, str(out), 1, Options())
    assert [path.stat().st_mtime_ns for path in spoken] == stamps, "what is spoken is not spoken again"
    summary = prepare_spoken(script, str(out), 0, Options())
    assert sorted(path.name for path in out.iterdir()) == [".lock", "corpus", "synthesis.json"]
    (out / "synthesis").mkdir()  # what a kill leaves that comes after the summary
    assert prepare_spoken(script, str(out), 0, Options()) == summary
    assert "is finished already" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == [".lock", "corpus", "synthesis.json"]
    with pytest.raises(UserError, match=r"holds a corpus already \(seed was 0, is 1\)"):
        prepare_spoken(script, str(out), 1, Options())
    pronounced = dataclasses.replace(script, pronunciations=(("alexa", "[[a2l'Eks@]]"),))
    with pytest.raises(UserError, match=r"holds a corpus already \(pronunciations was \[\], is \[\['alexa"):
        prepare_spoken(pronounced, str(out), 0, Options())


def test_a_script_that_cannot_be_spoken_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match="--language=tlh"):
        prepare_spoken(Script(("alexa",), language="tlh"), str(tmp_path / "out"), 0, Options())
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


@pytest.fixture(scope="module")
def many_voices(tmp_path_factory):
    """All engines that the suite installs, few clips of each: Kokoro takes half a second of a core a word."""
    out = str(tmp_path_factory.mktemp("voices") / "corpus")
    engines = "--engines=kokoro=2,hibari=2,piper,espeak=5"
    done = run_module("prepare", "--synthesize=alexa", "--minutes=2", "--count=40", engines, f"--out={out}")
    assert done.returncode == 0, done.stderr
    return out


def test_no_voice_of_training_speaks_in_validation_or_test(many_voices):
    """Neither a voice, nor a blend with it, nor hibari's copy of a voice of Kokoro's."""
    persons = {}
    for split in ("train", "validation", "test"):
        clips = read_corpus(many_voices, split)
        speakers = set(clips.columns["speaker"][clips.columns["kind"] == "speech"])
        persons[split] = {name for speaker in speakers for name in persons_of(speaker)}
        assert any("+" in speaker for speaker in speakers) or split == "validation"
    assert "kokoro:heart" in persons["train"]
    assert not persons["train"] & persons["validation"]
    assert not persons["train"] & persons["test"]
    assert not persons["validation"] & persons["test"]


def persons_of(speaker: str) -> set[str]:
    """The persons in a row's speaker: of Kokoro's and hibari's those of Kokoro's styles, without their language."""
    engine, name = speaker.split(":", 1)
    if engine == "hibari":
        return {f"kokoro:{name}"}
    parts = {part.split("_", 1)[-1] if engine == "kokoro" else part for part in name.split("+")}
    return {f"{engine}:{part}" for part in parts}


def test_the_summary_counts_clips_by_engine_and_voice(many_voices):
    summary = json.loads(next(Path(many_voices).rglob("summary.json")).read_text())
    for row in summary["splits"]:
        if row["kind"] != "speech":
            continue
        clips = read_corpus(many_voices, row["split"])
        speech = clips.columns["kind"] == "speech"
        sources = clips.columns["source"][speech]
        assert {name: own["clips"] for name, own in row["sources"].items()} == dict(collections.Counter(sources.tolist()))
        for name, own in row["sources"].items():
            assert own["speakers"] == dict(collections.Counter(clips.columns["speaker"][speech][sources == name].tolist()))
            assert all(speaker.startswith(f"{name}:") for speaker in own["speakers"])
    engines = {name for row in summary["splits"] for name in row["sources"]}
    assert engines == {"kokoro", "hibari", "piper", "espeak"}
    assert read_corpus(many_voices, "train").columns["label"].tolist().count("alexa") == 24


def test_what_an_engine_does_not_speak_is_listed_in_the_corpus(tmp_path, monkeypatch):
    def refuses(self, text, accent, manner):
        raise RuntimeError("out of order")

    monkeypatch.setattr("s3rl_jax.prepare.synthesis.hibari_voices.HibariVoice.speak", refuses)
    script = Script(("alexa",), minutes=2.0, engines={"espeak": 1.0, "hibari": 1.0})
    summary = prepare_spoken(script, str(tmp_path / "out"), 0, Options())
    assert summary["rejected"] > 3
    assert summary["reasons"] == {"not spoken by hibari": summary["rejected"]}
    assert "out of order" in next((tmp_path / "out").rglob("rejected.csv")).read_text()
