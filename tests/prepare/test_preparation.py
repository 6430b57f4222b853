import functools
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.corpus.layout import index_files
from s3rl_jax.prepare.preparation import Options, prepare
from s3rl_jax.prepare.recordings import split_recording
from s3rl_jax.prepare.shards import Rejected, write_shard
from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.prepare.summary import describe, summarise
from tests.conftest import ROOT, run_module

FOLDER = "corpus/2.0.0"


SMALL_SHARDS = functools.partial(Options, min_shard_files=4, min_parallel_bytes=0)


def contents(out) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in sorted(Path(out, FOLDER).rglob("*")) if f.is_file() and f.name != "plan.json"}


def test_processes_and_beam_write_what_one_process_writes(source, tmp_path):
    clips = read_source(str(source))
    ways = {"one": SMALL_SHARDS(workers=1), "several": SMALL_SHARDS(workers=3), "beam": SMALL_SHARDS(runner="DirectRunner")}
    summaries = [prepare(clips, str(tmp_path / name), options) for name, options in ways.items()]
    assert summaries[0] == summaries[1] == summaries[2]
    wanted = contents(tmp_path / "one")
    assert sum(name.startswith("corpus-train.array_record") for name in wanted) > 3
    for name in ("several", "beam"):
        assert contents(tmp_path / name) == wanted


def test_a_killed_preparation_goes_on_where_it_was(source, tmp_path, monkeypatch):
    clips, out = read_source(str(source)), tmp_path / "out"
    prepare(clips, str(tmp_path / "whole"), SMALL_SHARDS())
    written = []

    def until_killed(job):
        if len(written) == 3:
            raise KeyboardInterrupt
        write_shard(job)
        written.append(job.index)

    with monkeypatch.context() as patch:
        patch.setattr("s3rl_jax.prepare.workers.write_shard", until_killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(clips, str(out), SMALL_SHARDS())
    (out / FOLDER / "corpus-train.array_record-00004-of-00099.unfinished").write_bytes(b"half")
    with pytest.raises(UserError, match="not finished: give prepare the same command again"):
        read_corpus(str(out), "train")
    with pytest.raises(UserError, match="begun with another source"):
        prepare(clips[1:], str(out), SMALL_SHARDS())
    stamps = [path.stat().st_mtime_ns for path in written]
    prepare(clips, str(out), SMALL_SHARDS())
    assert [path.stat().st_mtime_ns for path in written] == stamps, "finished shards are not written again"
    (out / FOLDER / "corpus-train.array_record-00004-of-00099.unfinished").unlink()
    assert contents(out) == contents(tmp_path / "whole")


def test_what_is_finished_is_done_and_stays_as_it_is(source, tmp_path, capsys):
    rows, out = read_source(str(source)), str(tmp_path / "out")
    summary = prepare(rows, out)
    files = sorted(path for path in (Path(out) / FOLDER).rglob("*") if path.is_file())
    stamps = [path.stat().st_mtime_ns for path in files]
    assert prepare(rows, out) == summary
    assert f"{out} is finished already" in capsys.readouterr().err
    assert [path.stat().st_mtime_ns for path in files] == stamps
    assert sorted(path for path in (Path(out) / FOLDER).rglob("*") if path.is_file()) == files
    with pytest.raises(UserError, match="holds a corpus already"):
        prepare(rows, out, Options(segment_seconds=1.0))


def test_a_source_that_was_moved_is_the_same_source(source, tmp_path):
    summary = prepare(read_source(str(source)), str(tmp_path / "out"))
    shutil.copytree(source, tmp_path / "moved")
    assert prepare(read_source(str(tmp_path / "moved")), str(tmp_path / "out")) == summary


def test_a_comma_in_the_name_of_a_corpus_is_refused(source, tmp_path):
    with pytest.raises(UserError, match="a comma separates corpora"):
        prepare(read_source(str(source)), str(tmp_path / "a,b"))


def test_a_shard_is_on_disk_before_an_index_names_it(source, tmp_path, monkeypatch):
    synced, missing = set(), []
    fsync, rename = os.fsync, Path.replace

    def remember(file):
        fsync(file)
        synced.add(os.fstat(file).st_ino)

    def check(path, target):
        if path.stat().st_ino not in synced:
            missing.append(target)
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", remember)
    monkeypatch.setattr(Path, "replace", check)
    prepare(read_source(str(source)), str(tmp_path / "out"))
    assert synced
    assert not [path for path in missing if "array_record" in str(path) or str(path).endswith(".json")]


def test_a_full_disk_is_named_and_nothing_half_is_left(source, tmp_path):
    """By a limit on the size of files; a full disk is the same to a program."""
    rows, out = read_source(str(source)), tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*corpus-train\.array_record-00000-of-00001'"):
            prepare(rows, str(out))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in (out / FOLDER).iterdir() if path.is_file()] == ["plan.json"]
    prepare(rows, str(out))
    prepare(rows, str(tmp_path / "whole"))
    assert contents(out) == contents(tmp_path / "whole")


def test_long_recordings_are_cut_and_labelled_ones_are_not(tmp_path, rng):
    audio = (rng.standard_normal(50_000) * 3000).astype(np.int16)
    for name in ("train/long.wav", "train/alexa/word.wav", "train/noise/hum.wav", "train/rir/room.wav"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "in" / name, audio, 16_000)
    prepare(read_source(str(tmp_path / "in")), str(tmp_path / "out"), Options(segment_seconds=1.0, overlap_seconds=0.25))
    clips = read_corpus(str(tmp_path / "out"), "train")
    parts = clips.rows(np.strings.startswith(clips.columns["id"], "long.wav"))
    assert clips.columns["id"][parts].tolist() == ["long.wav@0", "long.wav@0.75", "long.wav@1.5", "long.wav@2.25"]
    for start, row in zip((0, 12_000, 24_000, 36_000), parts, strict=True):
        np.testing.assert_array_equal(clips.audio(row), audio[start : start + 16_000])
    assert (clips.columns["kind"] == "noise").sum() == 4
    assert clips.columns["samples"][clips.columns["label"] == "alexa"].tolist() == [50_000]
    assert (clips.columns["kind"] == "impulse_response").sum() == 1
    with pytest.raises(UserError, match="--overlap_seconds=1"):
        prepare(read_source(str(tmp_path / "in")), str(tmp_path / "other"), Options(segment_seconds=1.0, overlap_seconds=1.0))


def test_segments_lose_nothing_and_a_short_recording_is_one(source, tmp_path):
    from s3rl_jax.corpus.layout import Recording

    audio = np.arange(1000, dtype=np.int16)
    record = Recording("a", audio, "speech", "", "", "", "", "", 0, 1000)
    cut = list(split_recording(record, 300, 0))
    np.testing.assert_array_equal(np.concatenate([part.audio for part in cut]), audio)
    assert list(split_recording(record, 1000, 0)) == [record]


def test_memory_does_not_grow_with_the_corpus(tmp_path):
    """Peak memory of preparing 2 minutes and 40 minutes of audio."""
    noise = (np.random.default_rng(0).standard_normal(16_000 * 20) * 1000).astype(np.int16)
    peaks = []
    for files in (6, 120):
        folder = tmp_path / f"in{files}" / "train"
        folder.mkdir(parents=True)
        for i in range(files):
            soundfile.write(folder / f"{i:03}.wav", np.roll(noise, i), 16_000)
        code = (
            "import resource; from s3rl_jax.prepare.__main__ import main; main(); "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, f"--source={folder.parent}", f"--out={tmp_path}/out{files}", "--workers=1"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] < peaks[0] + 20_000, "kB; the larger corpus holds 73 MB more"


def test_what_is_doubtful_is_counted_and_said(tmp_path, rng):
    def add(name, audio, **columns):
        soundfile.write(tmp_path / name, audio, 16_000, subtype="PCM_16")
        rows.append({"path": name, "kind": "speech", "label": "", "speaker": "", **columns})

    rows, speech = [], rng.uniform(-0.3, 0.3, 8000)
    add("a.wav", speech, split="train", speaker="ann", label="alexa")
    add("same.wav", speech, split="test", speaker="bob", label="alexa")
    add("loud.wav", np.clip(9 * speech, -1, 1), split="train", speaker="ann")
    add("silent.wav", np.zeros(8000), split="train", speaker="bob")
    (tmp_path / "bad.wav").write_bytes(b"RIFFnothing")
    rows.append({"path": "bad.wav", "split": "train"})
    rows.append({"path": "a.wav", "split": "train"})
    text = "path,split,kind,label,speaker\n" + "\n".join(
        ",".join(row.get(name, "") for name in ("path", "split", "kind", "label", "speaker")) for row in rows
    )
    (tmp_path / "manifest.csv").write_text(text)
    summary = prepare(read_source(str(tmp_path)), str(tmp_path / "out"))
    train = summary["splits"][0]
    assert (train["clips"], train["clipped"], train["silent"], train["speakers"]) == (3, 1, 1, 2)
    assert train["labels"] == {"alexa": 1}
    assert (summary["duplicates"], summary["duplicates_across_splits"]) == (1, 1)
    assert summary["speakers_in_several_splits"] == ["bob"]
    assert summary["rejected"] == 2
    assert summary["reasons"].keys() == {"not readable as audio", "named twice; the first is taken"}
    said = describe(summary, "out")
    for part in ("1 clipped, 1 silent", "alexa 1", "warning: 1 recordings are in several splits", "warning: 1 speakers", "bob"):
        assert part in said
    assert json.loads((tmp_path / "out" / FOLDER / "summary.json").read_text()) == summary


def test_a_summary_of_nothing_doubtful_says_nothing_of_it():
    index = {
        "kind": ["speech"],
        "samples": [16_000],
        "label": [""],
        "speaker": [""],
        "clipped": [0],
        "peak": [99],
        "digest": ["a"],
    }
    said = describe(summarise({"train": [index]}, [Rejected("b.wav", "no samples")]), "out")
    assert "warning" not in said
    assert "clipped" not in said
    assert "1 files were skipped: no samples (1); see out/corpus" in said


def test_a_split_of_which_nothing_can_be_read_is_no_split(tmp_path, rng):
    (tmp_path / "in/train").mkdir(parents=True)
    (tmp_path / "in/test").mkdir()
    soundfile.write(tmp_path / "in/train/a.wav", rng.uniform(-0.1, 0.1, 4000), 16_000)
    (tmp_path / "in/test/a.wav").write_bytes(b"")
    prepare(read_source(str(tmp_path / "in")), str(tmp_path / "out"))
    assert not index_files(tmp_path / "out" / FOLDER, "test")
    with pytest.raises(UserError, match="no split 'test'; it has train"):
        read_corpus(str(tmp_path / "out"), "test")


def test_a_runner_that_does_not_exist_is_named(source, tmp_path):
    done = run_module("prepare", f"--source={source}", f"--out={tmp_path}/out", "--runner=FastRunner")
    assert done.returncode == 2
    assert "--runner=FastRunner" in done.stderr
    assert "Traceback" not in done.stderr
