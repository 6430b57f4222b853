"""Mining as a phase of fine-tuning, on a small corpus."""

import json
import shutil

import jax
import numpy as np
import pytest

from configs import finetune as config_file
from s3rl_jax.batches.hard_windows import SHIFT_SECONDS, HardStretches, HardWindows
from s3rl_jax.batches.windows import Windows
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import saved_steps
from s3rl_jax.train.run import run

ROWS = range(256)


def config(corpus: str, **mining):
    made = config_file.get_config()
    made.update({"data": {"corpus": corpus, "window_seconds": 1.2}, "init": "", "student": {"size": "toy"}, "preflight": False})
    made.update({"steps": 12, "batch_size": 16, "log_every": 6, "checkpoint_every": 7})
    made.mining.update({"rounds": 2, "begin": 0.25, "threshold": 1e-6, "windows": 5, **mining})
    return made


@pytest.fixture(scope="module")
def windows(corpus):
    clips = read_corpus(corpus, "train")
    return Windows.of(clips, ("alexa",), 20_000, len(ROWS), 0, config(corpus).data, 800)


def test_a_share_of_the_negatives_are_mined_windows_from_their_round_on(windows):
    clips = windows.clips
    longest = int(np.argmax(np.where(clips.columns["label"] == "", clips.columns["samples"], 0)))
    source, stop = HardWindows(windows, 0.5), 25_000
    source.add(3, HardStretches(np.array([longest]), np.array([stop])))
    for step in (2, 3, 50):
        plain, batch = windows.batch(step, ROWS), source.batch(step, ROWS)
        np.testing.assert_array_equal(batch["label"], plain["label"])
        changed = (batch["audio"] != plain["audio"]).any(axis=1)
        assert not changed[plain["label"] > 0].any()
        assert 0.35 < changed[plain["label"] == 0].mean() < 0.65 if step >= 3 else not changed.any()
        recording = np.concatenate([np.zeros(20_000, np.int16), clips.audio(longest)])
        ends = [20_000 + stop - shift for shift in range(int(SHIFT_SECONDS * 16_000) + 1)]
        for window in batch["audio"][changed][:5]:
            assert any((recording[end - 20_000 : end] == window).all() for end in ends)
    part = range(10, 20)
    np.testing.assert_array_equal(source.batch(3, part)["audio"], source.batch(3, ROWS)["audio"][10:20])


def test_a_run_mines_twice_and_continues_exactly_after_a_kill(corpus, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(config(corpus), whole)
    rounds = [json.loads((whole / f"hard_negatives_{step}.json").read_text()) for step in (3, 8)]
    clips = read_corpus(corpus, "train")
    for record in rounds:
        assert len(record["stretches"]) == 5
        assert all(clips.columns["label"][row] != "alexa" for row, _ in record["stretches"])
    assert saved_steps(whole) == [7, 12]
    shutil.copytree(whole, killed)
    shutil.rmtree(killed / "checkpoints" / "12")
    (killed / "hard_negatives_8.json").unlink()
    run(config(corpus), killed)
    assert json.loads((killed / "hard_negatives_8.json").read_text()) == rounds[1]
    jax.tree.map(np.testing.assert_array_equal, read_params(str(killed), "--workdir"), read_params(str(whole), "--workdir"))
    shutil.rmtree(killed / "checkpoints" / "12")
    (killed / "hard_negatives_3.json").unlink()
    with pytest.raises(UserError, match=r"hard_negatives_3\.json: missing, though the run has passed step 3"):
        run(config(corpus), killed)


def test_a_sweep_does_not_mine(corpus, tmp_path):
    made = config(corpus)
    with made.unlocked():
        made.sweep = {"seed": [0, 1]}
    with pytest.raises(UserError, match=r"config\.mining\.rounds=2: expected 0 with config\.sweep"):
        run(made, tmp_path)
