"""Rows and folders that nobody meant: each is rejected with a reason, none is guessed, hangs or stops the job."""

import csv
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.prepare.preparation import prepare
from s3rl_jax.prepare.sources.audio_files import divide_files
from s3rl_jax.prepare.sources.folder import read_folder
from s3rl_jax.prepare.sources.manifest import ManifestRow, read_manifest
from s3rl_jax.prepare.sources.recognise import read_source

HEADER = "path,split,label,speech_start_s,speech_end_s"
# What stands after `NAME.wav,train,` and the reason that is given.
ROWS = {
    "shifted": ("turn on,light,bob,0,1,2", "more cells than columns"),
    "infinite": ("alexa,0,inf", "a time that is no number of seconds"),
    "nan": ("alexa,nan,0.5", "a time that is no number of seconds"),
    "underscore": ("alexa,0,1_0", "a time that is no number of seconds"),
    "arabic": ("alexa,0,\u0661", "a time that is no number of seconds"),
    "reversed": ("alexa,0.8,0.2", "times in reverse"),
    "empty": ("alexa,0.5,0.5", "times in reverse"),
    "late": ("alexa,1.5,1.7", "a time beyond the end"),
    "long": ("alexa,0.5,3.0", "a time beyond the end"),
    "start": ("alexa,7,", "a time beyond the end"),
    "huge": ("alexa,0,1e300", "a time beyond the end"),
}


def write_audio(path, seconds=1.0, rate=16_000):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(np.arange(int(seconds * rate)) / 9), rate)


def reasons(out) -> dict[str, str]:
    with open(out / "corpus/2.0.0/rejected.csv", encoding="utf-8") as file:
        return {os.path.basename(row["path"]): row["reason"] for row in csv.DictReader(file)}


def test_rows_that_cannot_be_meant_are_rejected_one_by_one(tmp_path):
    lines = [HEADER, "good.wav,train,alexa,0.25,1.05", "noise.wav,train,hum,,"]
    for name, (cells, _) in ROWS.items():
        write_audio(tmp_path / f"{name}.wav")
        lines.append(f"{name}.wav,train,{cells}")
    for name in ("good.wav", "noise.wav"):
        write_audio(tmp_path / name)
    os.mkfifo(tmp_path / "fifo.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "folder.wav").mkdir()
    lines += [f"{name},train,x,," for name in ("fifo.wav", "loop.wav", "folder.wav", "gone.wav", f"{300 * 'a'}.wav")]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    summary = prepare(read_source(str(tmp_path)), str(tmp_path / "out"))
    given = reasons(tmp_path / "out")
    for name, (_, reason) in ROWS.items():
        assert given.pop(f"{name}.wav").startswith(reason), name
    assert given.pop("fifo.wav") == given.pop("folder.wav") == "not a regular file"
    assert given.pop("loop.wav") == "a loop of links"
    assert given.pop("gone.wav") == "not readable as audio: No such file or directory"
    assert given.pop(f"{300 * 'a'}.wav") == "not readable as audio: File name too long"
    assert not given
    assert summary["rejected"] == len(ROWS) + 5
    clips = read_corpus(str(tmp_path / "out"), "train")
    assert clips.columns["id"].tolist() == ["good.wav", "noise.wav"]
    assert clips.columns["speech_end"][0] == 16_000, "rounding beyond the end is no fault"


@given(st.sampled_from(["speech", "word"]), st.text(max_size=8), st.text(max_size=8))
def test_any_two_times_are_seconds_in_order_or_a_reason(tmp_path_factory, of, start, end):
    path = tmp_path_factory.mktemp("times") / "manifest.csv"
    with open(path, "w", newline="", encoding="utf-8", errors="replace") as file:
        csv.writer(file).writerows([("path", "split", f"{of}_start_s", f"{of}_end_s"), ("a.wav", "train", start, end)])
    try:
        (row,) = read_manifest(path)
    except UserError:
        return
    if not row.problem:
        first, last = getattr(row, f"{of}_start_s"), getattr(row, f"{of}_end_s")
        assert math.isfinite(first)
        assert math.isfinite(last)
        assert last < 0 or first < 0 or first < last


def test_an_unknown_column_is_named_with_the_nearest_known_one(tmp_path, capsys):
    (tmp_path / "manifest.csv").write_text("path,split,lable,mood\na.wav,train,alexa,gay\n")
    (row,) = read_manifest(tmp_path / "manifest.csv")
    assert row.label == ""
    said = capsys.readouterr().err
    assert "the column 'lable' is not used; is it 'label'?" in said
    assert "the column 'mood' is not used\n" in said
    (tmp_path / "manifest.csv").write_text("path,split,label,label\na.wav,train,alexa,stop\n")
    with pytest.raises(UserError, match="'label' stands twice"):
        read_manifest(tmp_path / "manifest.csv")


def test_links_to_folders_are_followed_inside_the_source_and_listed_outside(tmp_path):
    source, outside = tmp_path / "source", tmp_path / "outside"
    write_audio(source / "train/alexa/a.wav")
    write_audio(source / "store/b.wav")
    write_audio(outside / "c.wav")
    (source / "train/stop").symlink_to("../store")
    (source / "train/other").symlink_to(outside)
    (source / "train/again").symlink_to("..")
    (source / "train/self").symlink_to("self")
    (source / "train/gone.wav").symlink_to("nowhere.wav")
    os.mkfifo(source / "train/fifo.wav")
    rows = read_folder(source)
    problems = {row.path.name: row.problem for row in rows if row.problem}
    assert problems == {
        "other": "a link to a folder outside the source",
        "again": "a link to a folder above it",
        "gone.wav": "a link that leads to no file",
        "fifo.wav": "not a regular file",
    }
    files = [(row.path.relative_to(source).as_posix(), row.label) for row in rows if not row.problem]
    assert files == [("store/b.wav", "store"), ("train/alexa/a.wav", "alexa"), ("store/b.wav", "stop")]
    _, rejected = divide_files(rows, 100)
    assert [row.path for row in rejected if row.reason == "named twice; the first is taken"] == [str(source / "store/b.wav")]


def test_a_name_that_is_no_utf_8_is_rejected(tmp_path):
    write_audio(tmp_path / "train/good.wav")
    bad = os.path.join(os.fsencode(tmp_path), b"\xff\xfe.wav")
    os.link(tmp_path / "train/good.wav", bad)
    summary = prepare(read_source(str(tmp_path)), str(tmp_path / "out"))
    assert summary["reasons"] == {"a name that is no UTF-8": 1}
    assert list(reasons(tmp_path / "out")) == ["\\udcff\\udcfe.wav"]


@pytest.mark.parametrize("rate", [1, 100, 3999, 500_000, 2**31 - 1])
def test_a_rate_out_of_range_is_rejected_before_it_is_resampled(tmp_path, rate):
    write_audio(tmp_path / "a.wav")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UserError, match=rf"a sample rate out of range: {rate} Hz"):
        prepare([ManifestRow(tmp_path / "a.wav", "train")], str(tmp_path / "out"))


@pytest.mark.parametrize("value", [1e18, -1e30, 70_000.0])
def test_samples_beyond_sense_are_rejected(tmp_path, value):
    soundfile.write(tmp_path / "a.wav", np.array([0.0, value, 0.1]), 22_050, subtype="DOUBLE")
    with pytest.raises(UserError, match="far beyond full scale"):
        prepare([ManifestRow(tmp_path / "a.wav", "train")], str(tmp_path / "out"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc on this system")
def test_memory_is_bounded_whatever_a_header_claims(tmp_path):
    """A minute at 1 Hz would be 64 million samples; a kilobyte of WAV takes no more than a kilobyte's worth."""
    write_audio(tmp_path / "a.wav", seconds=250.0)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[24:28] = (1).to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    code = (
        "import sys; from s3rl_jax.audio.read import UnreadableAudio, read_audio\n"
        "try: read_audio(sys.argv[1])\n"
        "except UnreadableAudio as error: print(error)\n"
        # getrusage's ru_maxrss would be that of the process that forks this one, if it is larger.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.wav"], capture_output=True, text=True, check=True)
    reason, peak = done.stdout.splitlines()
    assert reason == "a sample rate out of range: 1 Hz; expected 4000 to 384000"
    assert int(peak) < 400_000, "kB"
