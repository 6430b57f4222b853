import json
from types import SimpleNamespace

import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.mine import mining
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


def test_a_firing_is_the_recordings_in_which_it_was_heard(corpus, monkeypatch):
    clips = read_corpus(corpus, "train")
    group = clips.rows(clips.columns["label"] == "banana")[:3]
    monkeypatch.setattr(mining, "smooth", lambda posteriors: posteriors)
    model = SimpleNamespace(hop=160)
    gap = round(mining.GAP_SECONDS * 16_000)
    begins = np.cumsum([0, *(clips.columns["samples"][row] + gap for row in group)])
    hits = {0: 0.5, 2: 1.02}  # in the recording, as a share of its length: the second one comes a little late

    def score(audio):
        scores = np.zeros((len(audio) // 160, 2))
        for place, share in hits.items():
            scores[int(begins[place] + share * clips.columns["samples"][group[place]]) // 160, 1] = 0.8
        return scores

    found = mining._fired(score, model, clips, group, 0.5)
    assert [firing[0] for firing in found] == [group[0], group[2]]
    for (row, start, stop, value), share in zip(found, hits.values(), strict=True):
        samples = clips.columns["samples"][row]
        assert value == 0.8
        assert 0 <= start < stop <= samples
        assert stop == pytest.approx(min(samples, share * samples + 8000), abs=320)


def test_a_killed_search_goes_on_where_it_was(chain, tmp_path, monkeypatch):
    monkeypatch.setattr(mining, "GROUP_SECONDS", 3.0)
    arguments = (chain["detector"], chain["corpus"], "train")
    whole = mining.mine(*arguments, str(tmp_path / "whole"), 0.01, 50)
    real, seen = mining._fired, []

    def killed(*given):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(given)
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(mining, "_fired", killed)
        with pytest.raises(KeyboardInterrupt):
            mining.mine(*arguments, str(tmp_path / "cut"), 0.01, 50)
    journal = tmp_path / "cut" / mining.FOUND
    assert len(journal.read_text().splitlines()) == 3
    journal.write_text(journal.read_text() + '{"group": 2, "fir')  # the kill came while it was written
    with monkeypatch.context() as patch:
        patch.setattr(mining, "_fired", lambda *given: seen.append(given) or real(*given))
        assert mining.mine(*arguments, str(tmp_path / "cut"), 0.01, 50) == whole
    assert len(seen) == json.loads(journal.read_text().splitlines()[0])["groups"] > 3
    with pytest.raises(UserError, match="begun by another detector, corpus or threshold"):
        mining.mine(*arguments, str(tmp_path / "cut"), 0.02, 50)


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
