"""Every kind of bad or odd file that users bring: it is read, or skipped with a reason, and never stops the job."""

import os

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3rl_jax.audio.read import UnreadableAudio, read_audio
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.prepare.preparation import prepare
from s3rl_jax.prepare.sources.recognise import read_source
from tests.detect.recordings import write_media


def tone(rate, seconds, channels=1):
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)
    return np.tile(wave[:, None], (1, channels))


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [
        (8000, 1, "PCM_U8"),
        (16_000, 1, "PCM_24"),
        (16_000, 1, "PCM_32"),
        (44_100, 2, "PCM_16"),
        (48_000, 6, "PCM_24"),
        (16_000, 1, "DOUBLE"),
        (8000, 1, "ULAW"),
    ],
)
def test_odd_formats_sound_as_they_should(tmp_path, rate, channels, subtype):
    soundfile.write(tmp_path / "a.wav", tone(rate, 1.0, channels), rate, subtype=subtype)
    audio = read_audio(tmp_path / "a.wav").astype(float)
    assert abs(len(audio) - 16_000) <= 2
    spectrum = np.abs(np.fft.rfft(audio[2000:14_000]))
    assert np.argmax(spectrum) * 16_000 / 12_000 == pytest.approx(440, abs=2)
    assert np.sqrt(2 * np.square(audio[2000:14_000]).mean()) / 32768 == pytest.approx(0.3, rel=0.03)


def bad_files(folder, rng):
    """Files that cannot be used, by the reason that is to be given."""
    soundfile.write(folder / "whole.flac", rng.uniform(-0.5, 0.5, 64_000), 16_000)
    whole = (folder / "whole.flac").read_bytes()
    (folder / "whole.flac").unlink()
    (folder / "truncated.flac").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.wav").write_bytes(b"")
    (folder / "header_only.wav").write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt ")
    (folder / "text.wav").write_text("this is no audio")
    (folder / "text.mp3").write_text("nor is this")
    soundfile.write(folder / "nan.wav", np.array([0.0, np.nan]), 16_000, subtype="FLOAT")
    soundfile.write(folder / "infinite.wav", np.array([0.0, -np.inf]), 16_000, subtype="FLOAT")
    soundfile.write(folder / "no_samples.wav", np.zeros(0), 16_000)
    soundfile.write(folder / "cut.wav", tone(16_000, 1.0), 16_000)
    (folder / "cut.wav").write_bytes((folder / "cut.wav").read_bytes()[:20_044])  # a copy that was interrupted
    soundfile.write(folder / "integers.wav", np.array([3000.0, -8000.0]), 16_000, subtype="FLOAT")


def test_bad_files_are_skipped_with_a_reason_and_the_rest_is_prepared(tmp_path, rng):
    folder = tmp_path / "in" / "train"
    folder.mkdir(parents=True)
    bad_files(folder, rng)
    bad = sorted(path.name for path in folder.iterdir())
    soundfile.write(folder / "short.wav", tone(16_000, 0.05), 16_000)
    soundfile.write(folder / "flac.wav", tone(16_000, 0.5), 16_000, format="FLAC")  # wrong extension, sound content
    write_media(folder / "voice_memo.m4a", tone(16_000, 1.0)[:, 0])
    sound = (folder / "short.wav").read_bytes()
    (folder / "killed.wav").write_bytes(sound[:40] + bytes(4) + sound[44:])  # a recorder that lost power: no length
    summary = prepare(read_source(str(tmp_path / "in")), str(tmp_path / "out"))
    clips = read_corpus(str(tmp_path / "out"), "train")
    samples = dict(zip(clips.columns["id"].tolist(), clips.columns["samples"].tolist(), strict=True))
    assert samples.pop("voice_memo.m4a") == pytest.approx(16_000, abs=800)
    assert samples == {"flac.wav": 8000, "killed.wav": 800, "short.wav": 800}
    assert summary["rejected"] == len(bad)
    lines = (tmp_path / "out/corpus/2.0.0/rejected.csv").read_text().splitlines()[1:]
    reasons = {os.path.basename(line.split(",")[0]): line.split(",", 1)[1] for line in lines}
    assert sorted(reasons) == bad
    assert "NaN or infinite" in reasons["nan.wav"]
    assert "NaN or infinite" in reasons["infinite.wav"]
    assert reasons["no_samples.wav"].startswith("no samples")
    assert reasons["cut.wav"] == "cut off: the last 0.38 s are missing"
    assert "integers stored as floats" in reasons["integers.wav"]
    assert "not readable as audio" in reasons["text.mp3"]


def test_three_hours_in_one_file(tmp_path):
    second = (3000 * np.sin(2 * np.pi * 200 * np.arange(8000) / 8000)).astype(np.int16)
    folder = tmp_path / "in" / "train"
    folder.mkdir(parents=True)
    with soundfile.SoundFile(folder / "long.flac", "w", 8000, 1) as file:
        for _ in range(3 * 60):
            file.write(np.tile(second, 60))
    prepare(read_source(str(tmp_path / "in")), str(tmp_path / "out"))
    clips = read_corpus(str(tmp_path / "out"), "train")
    assert clips.hours == pytest.approx(3, abs=1e-4)
    assert clips.columns["samples"].max() == 20 * 16_000
    assert len(clips) == 540
    spectrum = np.abs(np.fft.rfft(clips.audio(300).astype(float)))
    assert np.argmax(spectrum) / 20 == 200


def test_a_file_that_may_not_be_read_is_named(tmp_path):
    path = tmp_path / "private.wav"
    soundfile.write(path, tone(16_000, 0.1), 16_000)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may read everything
    try:
        with pytest.raises(UnreadableAudio, match="not readable"):
            read_audio(path)
    finally:
        if user == 0:
            os.seteuid(0)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"file,split\na.wav,train\n", "no column 'path'"),
        (b"path,label\na.wav,alexa\n", "no column 'split'"),
        (b"path,split\n../a.wav,train\n", "not inside the manifest's folder"),
        (b"path,split\n/etc/passwd,train\n", "not inside the manifest's folder"),
        (b"path,split\na.wav,dev\n", "split 'dev'; expected one of train, validation, test"),
        (b"path,split,label\na.wav,train,caf\xe9\n", "not UTF-8 at byte 32"),
        (b"path,split\n", "no rows"),
        (b"path,split,kind\na.wav,train,music\n", "kind 'music'"),
        (b"path,split,speech_start_s\na.wav,train,soon\n", "speech_start_s 'soon'"),
        (b"path,split\na\x00.wav,train\n", "line 2"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused_with_its_line(tmp_path, content, named):
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"manifest\.csv") as error:
        read_source(str(tmp_path / "manifest.csv"))
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_rows_that_name_a_file_twice_are_listed(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(16_000, 0.2), 16_000)
    (tmp_path / "manifest.csv").write_text("path,split\na.wav,train\n./a.wav,test\n")
    summary = prepare(read_source(str(tmp_path)), str(tmp_path / "out"))
    assert summary["reasons"] == {"named twice; the first is taken": 1}
    assert [row["split"] for row in summary["splits"]] == ["train"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 43))
def test_any_bytes_in_place_of_a_header_are_read_or_refused(tmp_path, noise, place):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(16_000, 0.05), 16_000)
    good = path.read_bytes()
    path.write_bytes(good[:place] + noise + good[place + len(noise) :])
    try:
        audio = read_audio(path)
    except UnreadableAudio:
        return
    assert audio.dtype == np.int16
    assert len(audio)
