import json
import resource
from pathlib import Path

import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.lock import LOCK
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.mine.journal import DESCRIPTION, FIRINGS
from s3rl_jax.mine.mining import mine
from s3rl_jax.mine.stretches import GAP_SECONDS, group_firings
from tests.conftest import TOY_FINETUNE, run_module


@pytest.fixture(scope="module")
def mined(chain, tmp_path_factory):
    """The chain's detector over the train split; most of it is the other word and fires little, so the threshold is low."""
    out = str(tmp_path_factory.mktemp("mined") / "mined")
    done = run_module(
        "mine", f"--workdir={chain['detector']}", f"--corpus={chain['corpus']}", f"--out={out}", "--threshold=0.01"
    )
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_what_fires_is_a_corpus_of_negatives(chain, mined):
    out, said = mined
    assert "firings in" in said
    assert f"--config.data.corpus={chain['corpus']},{out}" in said
    clips, source = read_corpus(out, "train"), read_corpus(chain["corpus"], "train")
    assert len(clips)
    assert set(clips.columns["condition"].tolist()) == {"mined"}
    assert "alexa" not in clips.columns["label"]
    rows = {str(name): row for row, name in enumerate(source.columns["id"])}
    for row in range(len(clips)):
        name, _, start = str(clips.columns["id"][row]).rpartition("@")
        audio, first = clips.audio(row), round(float(start) * 16_000)
        np.testing.assert_array_equal(audio, source.audio(rows[name])[first : first + len(audio)])
        assert len(audio) <= 2.5 * 16_000


def files(folder: str) -> dict[Path, bytes]:
    """All files but the lock, which names the last command."""
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file() and path.name != LOCK}


def test_what_is_finished_is_done(chain, mined):
    out, printed = mined
    before = files(out)
    arguments = (f"--workdir={chain['detector']}", f"--corpus={chain['corpus']}", f"--out={out}", "--threshold=0.01")
    done = run_module("mine", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed
    assert f"{out} is finished already" in done.stderr
    assert files(out) == before
    fewer = run_module("mine", *arguments, "--most=1")
    assert fewer.returncode == 2
    assert f"--out={out}: holds" in fewer.stderr


def test_an_output_that_cannot_be_written_is_one_line(chain, tmp_path):
    (tmp_path / "file").write_text("in the way")
    arguments = (f"--workdir={chain['detector']}", f"--corpus={chain['corpus']}", f"--out={tmp_path}/file/mined")
    done = run_module("mine", *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path}/file/mined")
    assert done.stderr.splitlines()[-1].endswith("Not a directory")
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_one_line_and_the_search_goes_on(chain, mined, tmp_path):
    """By a limit on the size of files: description and lock fit, the journal does not."""
    arguments = (f"--workdir={chain['detector']}", f"--corpus={chain['corpus']}", f"--out={tmp_path}/m", "--threshold=0.01")
    limit = 100 + max(len((Path(mined[0]) / name).read_bytes()) for name in (DESCRIPTION, LOCK))
    assert limit < len((Path(mined[0]) / FIRINGS).read_bytes())
    done = run_module("mine", *arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == f"error: {tmp_path}/m/{FIRINGS}: File too large"
    assert "Traceback" not in done.stderr
    again = run_module("mine", *arguments)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[0] == mined[1].splitlines()[0]


def test_a_round_more_begins_with_the_command_it_prints(chain, mined, tmp_path):
    toy = [flag for flag in TOY_FINETUNE if "--config=" not in flag and "steps" not in flag]
    done = run_module(
        "train",
        "--config=configs/finetune.py:mined",
        "--config.steps=2",
        *toy,
        f"--workdir={tmp_path}/again",
        f"--config.init={chain['detector']}",
        f"--config.data.corpus={chain['corpus']},{mined[0]}",
    )
    assert done.returncode == 0, done.stderr


def test_a_firing_belongs_to_the_recording_that_was_playing(corpus):
    clips = read_corpus(corpus, "train")
    group = clips.rows(clips.columns["label"] == "banana")[:3]
    begins = np.cumsum([0, *(clips.columns["samples"][row] + round(GAP_SECONDS * 16_000) for row in group)])
    hits = {0: 0.5, 2: 1.02}  # in the recording, as a share of its length: the second one comes a little late

    def score(audio):
        scores = np.zeros((len(audio) // 160, 2))
        for place, share in hits.items():
            scores[int(begins[place] + share * clips.columns["samples"][group[place]]) // 160, 1] = 0.8
        return scores

    fired = group_firings(clips, group, score, hop=160, threshold=0.5, smoothing_hops=1)
    assert [firing.row for firing in fired] == [group[0], group[2]]
    for (row, start, stop, value), share in zip(fired, hits.values(), strict=True):
        samples = clips.columns["samples"][row]
        assert value == 0.8
        assert 0 <= start < stop <= samples
        assert stop == pytest.approx(min(samples, share * samples + 8000), abs=320)


def test_a_killed_search_goes_on_where_it_was(chain, tmp_path):
    def search(name, threshold=0.01):
        return mine(chain["detector"], chain["corpus"], "train", str(tmp_path / name), threshold, 50, group_seconds=3.0)

    whole = search("whole")
    lines = (tmp_path / "whole" / FIRINGS).read_text().splitlines(keepends=True)
    description = json.loads((tmp_path / "whole" / DESCRIPTION).read_text())
    assert len(lines) == description["groups"] > 3
    # The kill came while the third line was written. A mark in the first shows whether its group is scored again.
    entry = json.loads(lines[0])
    entry["firings"].append([*entry["firings"][0][:3], 0.987] if entry["firings"] else [0, 0, 8000, 0.987])
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / DESCRIPTION).write_text(json.dumps(description))
    (tmp_path / "cut" / FIRINGS).write_text(json.dumps(entry) + "\n" + lines[1] + lines[2][:12])
    again = search("cut")
    assert again.highest == 0.987
    assert again.firings == whole.firings + 1
    assert (tmp_path / "cut" / FIRINGS).read_text().splitlines(keepends=True)[1:] == lines[1:]
    with pytest.raises(UserError, match="begun by another detector, corpus or threshold"):
        search("cut", threshold=0.02)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--split=test",), "--split=test"),
        (("--threshold=2",), "--threshold=2"),
        (("--most=0",), "--most=0"),
        (("--threshold=0.999999",), "nothing fires"),
        (("--split=dev",), "no split 'dev'"),
    ],
)
def test_a_mistake_is_named(chain, tmp_path, flags, named):
    done = run_module("mine", f"--workdir={chain['detector']}", f"--corpus={chain['corpus']}", f"--out={tmp_path}/out", *flags)
    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
