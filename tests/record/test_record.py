"""A session with a stand-in for the sound card that plays files: recordings, faults, kills, and the folder for `prepare`."""

import csv
import subprocess
import sys
import wave

import numpy as np
import pytest
import soundfile
import soxr

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.prepare.preparation import prepare
from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.record import __main__ as command
from tests.conftest import ROOT, run_module, tone_word
from tests.detect.sound_card import fake

ROOM = 0.001


@pytest.fixture
def microphone(monkeypatch, tmp_path):
    """Plugs in a stand-in that plays a second of the room, then files of one second and a half, each with a word."""
    rng = np.random.default_rng(2)

    def plug_in(gains, rate=16_000, channels=1, output_rate=48_000):
        sound = [ROOM * rng.standard_normal(17_600)]
        for number, gain in enumerate(gains):
            audio = ROOM * rng.standard_normal(24_000)
            audio[3000:12_600] += gain * tone_word(rng, "alexa")
            soundfile.write(tmp_path / f"file{number}.wav", audio, 16_000)
            sound.append(soundfile.read(tmp_path / f"file{number}.wav")[0])
        samples = np.concatenate([*sound, ROOM * rng.standard_normal(16_000)]).astype(np.float32)
        frames = np.tile(soxr.resample(samples, 16_000, rate)[:, None], (1, channels))
        block = rate // 10
        blocks = frames[: len(frames) // block * block].reshape(-1, block * channels)
        card = fake(blocks, rate=rate, channels=channels, output_rate=output_rate)
        monkeypatch.setitem(sys.modules, "sounddevice", card)
        return card

    return plug_in


@pytest.fixture
def record(monkeypatch, tmp_path):
    def run(*flags):
        monkeypatch.setattr(sys, "argv", ["record", f"--out={tmp_path}/mine", *flags])
        command.main()

    return run


def rows(folder):
    with open(folder / "mine/manifest.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_twenty_words_become_a_corpus(microphone, record, tmp_path, capsys):
    microphone([1.0] * 20)
    record("--keyword=Alexa", "--count=20", "--speaker=Eve", "--language=en")
    assert [row["path"] for row in rows(tmp_path)] == [f"Alexa-Eve-{number:03}.wav" for number in range(1, 21)]
    printed = capsys.readouterr()
    assert '20 of 20: say "Alexa"' in printed.err
    assert f"--source={tmp_path}/mine" in printed.out
    prepare(read_source(str(tmp_path / "mine")), str(tmp_path / "corpus"))
    for split, count in {"train": 14, "validation": 2, "test": 4}.items():
        clips = read_corpus(str(tmp_path / "corpus"), split)
        assert clips.columns["label"].tolist() == ["Alexa"] * count
        assert set(clips.columns["speaker"].tolist()) == {"Eve"}
        speech = clips.columns["speech_end"] - clips.columns["speech_start"]
        assert ((clips.columns["speech_start"] == 4800) & (speech > 4800) & (speech <= 9600)).all()


def test_a_bad_take_is_played_back_and_repeated(microphone, record, tmp_path, capsys):
    card = microphone([4.0, 1.0, 1.0, 0.02, 1.0, 1.0, 1.0])
    record("--keyword=alexa", "--count=3", "--split=test")
    assert len(rows(tmp_path)) == 3
    assert [row["split"] for row in rows(tmp_path)] == ["test"] * 3
    messages = capsys.readouterr().err
    assert messages.count("too loud") == messages.count("too quiet") == 1
    assert messages.count('1 of 3: say "alexa"') == 2, "the prompt is repeated"
    (loud, rate), _ = card.played
    assert rate == 48_000
    assert len(loud) == pytest.approx(48_000, abs=24_000)
    assert np.abs(loud).max() > 0.9


def test_a_stereo_microphone_of_another_rate_and_no_loudspeaker(microphone, record, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    microphone([4.0, 1.0, 1.0], rate=48_000, channels=2, output_rate=None)
    record("--keyword=alexa", "--count=2", "--channel=1")
    with wave.open(str(tmp_path / "mine/alexa-me-001.wav")) as file:
        assert file.getparams()[:3] == (1, 2, 16_000)
    messages = capsys.readouterr().err
    assert "not played back: Error querying device" in messages
    assert " dB" in messages
    assert "====" in messages, "the level meter"


def test_what_was_recorded_before_a_kill_is_kept(microphone, record, tmp_path):
    microphone([1.0] * 2)
    with pytest.raises(UserError, match="microphone: Device unavailable"):
        record("--keyword=alexa", "--count=5")
    kept = (tmp_path / "mine/alexa-me-001.wav").read_bytes()
    # Killed between a recording and its row in the manifest, and within the writing of a file.
    (tmp_path / "mine/alexa-me-003.wav").write_bytes(b"of the recording that the manifest does not name")
    (tmp_path / "mine/manifest.host-1.tmp").write_text("path,sp")
    microphone([1.0] * 3)
    record("--keyword=alexa", "--count=5")
    assert [row["path"] for row in rows(tmp_path)] == [f"alexa-me-{number:03}.wav" for number in range(1, 6)]
    assert (tmp_path / "mine/alexa-me-001.wav").read_bytes() == kept
    assert soundfile.info(tmp_path / "mine/alexa-me-003.wav").frames > 8000
    record("--keyword=alexa", "--count=5")  # enough are there; no microphone is opened


def test_other_recordings_in_the_folder_are_kept(microphone, record, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/manifest.csv").write_text("path,split,label,mood\nold.wav,train,alexa,calm\n", encoding="utf-8")
    for keyword in ("hey jarvis", "你好小爱"):
        microphone([1.0])
        record(f"--keyword={keyword}", "--count=1")
    assert [row["path"] for row in rows(tmp_path)] == ["old.wav", "hey_jarvis-me-001.wav", "你好小爱-me-001.wav"]
    assert [row["mood"] for row in rows(tmp_path)] == ["calm", "", ""]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--keyword=", "--out={tmp}/x"], "--keyword=: expected one keyword"),
        (["--keyword=yes,no", "--out={tmp}/x"], "--keyword=yes,no"),
        (["--keyword=yes"], "--out: expected a folder"),
        (["--keyword=yes", "--out={tmp}/x", "--split=dev"], "--split=dev: expected one of train, validation, test"),
        (["--keyword=yes", "--out={tmp}/x", "--count=0"], "--count=0: expected 1 to"),
        (["--keyword=yes", "--out={tmp}/x", "--speaker= "], "--speaker: expected a name"),
        (["--keyword=yes", "--out={tmp}/file"], "expected a folder"),
        (["--keyword=yes", "--out={tmp}/file/x"], "expected a folder"),
        (["--keyword=yes", "--out={tmp}/bad"], "manifest.csv, row 2: expected a cell for each column"),
    ],
)
def test_a_mistake_is_named(monkeypatch, tmp_path, flags, reason):
    (tmp_path / "file").touch()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/manifest.csv").write_text("path,split\nalexa.wav\n")
    monkeypatch.setattr(sys, "argv", ["record", *(flag.format(tmp=tmp_path) for flag in flags)])
    with pytest.raises(UserError) as error:
        command.main()
    assert reason in str(error.value)


def test_the_command_ends_with_one_line_and_imports_no_jax(tmp_path):
    done = run_module("record", "--keyword=alexa", f"--out={tmp_path}/mine", "--count=x")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    code = "import sys, s3rl_jax.record.__main__, s3rl_jax.record.session; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert not {"jax", "tensorflow", "soundfile", "sounddevice"} & set(names)
    assert {name.split(".")[1] for name in names if name.startswith("s3rl_jax.")} == {"core", "detect", "record"}
