"""The window of a detector follows the length of its keyword."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from s3rl_jax.runs.workdir import read_config
from tests.conftest import run_module

RATE = 16_000
FINETUNE = ("--config=finetune", "--config.init=", "--config.student.size=toy", "--config.preflight=False", "--config.steps=2")
FINETUNE += ("--config.batch_size=4", "--config.log_every=1", "--config.checkpoint_every=2")


@pytest.fixture(scope="module")
def phrases(tmp_path_factory):
    """A corpus of a phrase of 4.5 s, a word of 0.6 s and other speech: noise of three colours."""
    from s3rl_jax.prepare.preparation import prepare
    from s3rl_jax.prepare.sources.recognise import read_source

    folder, rng = tmp_path_factory.mktemp("phrases"), np.random.default_rng(0)
    lines = ["path,split,label"]
    for number in range(24):
        label, seconds = (("open the door of the garden", 4.5), ("stop", 0.6), ("other", 3.0))[number % 3]
        silence = np.zeros(RATE // 4)
        soundfile.write(folder / f"{number}.wav", np.r_[silence, rng.normal(0, 0.1, int(seconds * RATE)), silence], RATE)
        lines.append(f"{number}.wav,train,{label}")
    (folder / "manifest.csv").write_text("\n".join(lines))
    prepare(read_source(str(folder)), str(folder / "corpus"))
    return str(folder / "corpus")


def train(workdir, corpus, *flags):
    done = run_module("train", *FINETUNE, f"--config.data.corpus={corpus}", f"--workdir={workdir}", *flags)
    assert done.returncode == 0, done.stderr
    return done.stderr, read_config(str(workdir), "--workdir").data.window_seconds


def test_the_window_is_as_long_as_the_phrase_and_is_recorded(phrases, tmp_path):
    said, window = train(tmp_path / "long", phrases, "--config.keyword=Open the door of the garden!")
    assert window == 5.7
    assert 'recordings of "Open the door of the garden!" last 4.5' in said
    assert "the window is 5.7 s" in said
    said, window = train(tmp_path / "long", phrases, "--config.keyword=Open the door of the garden!")
    assert window == 5.7, "the same command continues"
    said, window = train(tmp_path / "both", phrases, "--config.keyword=stop,open the door of the garden")
    assert window == 5.7, "the longest keyword counts"


def test_a_short_word_has_the_window_of_before_and_an_older_run_goes_on(phrases, tmp_path):
    said, window = train(tmp_path / "short", phrases, "--config.keyword=stop")
    assert window == 1.5
    assert "the window is 1.5 s" in said
    shutil.rmtree(tmp_path / "short/checkpoints")
    record = tmp_path / "short/config.json"
    values = json.loads(record.read_text())
    record.write_text(json.dumps(values | {"data": values["data"] | {"window_seconds": 1.2}}))
    assert train(tmp_path / "short", phrases, "--config.keyword=stop")[1] == 1.2
    flags = (f"--config.init={tmp_path}/short", "--config.student.size=")
    assert train(tmp_path / "more", phrases, "--config.keyword=stop", *flags)[1] == 1.2, "its head is of that window"


def test_a_window_that_is_too_short_is_warned_of(phrases, tmp_path):
    keyword = "--config.keyword=open the door of the garden"
    said, window = train(tmp_path / "w", phrases, keyword, "--config.data.window_seconds=1.5")
    assert window == 1.5
    (warning,) = [line for line in said.splitlines() if line.startswith("warning: config.data.window_seconds=1.5")]
    assert "expected 5.7, or 0" in warning
    said, _ = train(tmp_path / "stop", phrases, "--config.keyword=stop", "--config.data.window_seconds=1.5")
    assert "window_seconds" not in said
