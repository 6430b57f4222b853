"""The score by which fine-tuning chooses its checkpoint, on a small corpus, and a run that chooses by it."""

import json
import shutil

import numpy as np
import pytest

from configs import finetune as config_file
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.evaluate.trial import Trial
from s3rl_jax.prepare.preparation import prepare
from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.runs.detector import open_detector
from s3rl_jax.runs.workdir import read_log, saved_steps
from s3rl_jax.train.choice import choice_of, misses_and_false_accepts, stream_clips
from s3rl_jax.train.run import run

KEYWORDS = ("alexa",)


def config(corpus: str, **choice):
    made = config_file.get_config()
    made.update({"data": {"corpus": corpus, "window_seconds": 1.2}, "init": "", "student": {"size": "toy"}, "preflight": False})
    made.update({"steps": 6, "batch_size": 16, "log_every": 5, "checkpoint_every": 5})
    made.choice.update({"every": 2, **choice})
    return made


@pytest.fixture(scope="module")
def without_validation(source, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("without")
    lines = (source / "manifest.csv").read_text().splitlines()
    (folder / "manifest.csv").write_text("\n".join(line for line in lines if ",validation," not in line) + "\n")
    for file in source.glob("*.wav"):
        shutil.copy(file, folder)
    prepare(read_source(str(folder / "manifest.csv")), str(folder / "corpus"))
    return str(folder / "corpus")


def test_the_stream_is_no_longer_than_it_may_be_and_always_the_same(corpus):
    every = read_corpus(corpus, "validation")
    whole = stream_clips(corpus, KEYWORDS, 1.0)
    assert sorted(whole.columns["id"]) == sorted(every.columns["id"][every.columns["kind"] != "impulse_response"])
    part = stream_clips(corpus, KEYWORDS, 0.008)
    assert 0 < part.hours < whole.hours
    assert part.columns["samples"].sum() / 16_000 + 0.65 * len(part) <= 0.008 * 3600
    assert set(part.columns["label"]) >= {"alexa", ""}
    assert list(part.columns["id"]) == list(stream_clips(corpus, KEYWORDS, 0.008).columns["id"])
    rows = {name: row for row, name in enumerate(every.columns["id"])}
    for row, name in enumerate(part.columns["id"]):
        np.testing.assert_array_equal(part.audio(row), every.audio(rows[name]))


def test_misses_are_counted_at_the_rate_and_then_false_accepts_with_as_many():
    """Words with peaks 0.9, 0.8, 0.3 and an hour with false accepts at 0.7, 0.5, 0.4: with one allowed, the 0.3 is missed; and
    at 0.8, where no more are missed, nothing fires wrongly."""
    hops = 36_000  # of 0.1 s
    scores = np.zeros(hops)
    scores[[100, 200, 300]] = 0.9, 0.8, 0.3
    scores[[5000, 6000, 7000]] = 0.7, 0.5, 0.4
    zones = np.array([[first, first + 10] for first in (95, 195, 295)])
    trial = Trial(scores, zones, 0.1, 20, 10)
    assert misses_and_false_accepts(trial, 1.5) == (1, 0)
    assert misses_and_false_accepts(trial, 10.0) == (0, 3)
    scores[5000] = 0.85
    assert misses_and_false_accepts(Trial(scores, zones, 0.1, 20, 10), 1.5) == (1, 1)


def test_a_run_chooses_and_its_detector_is_of_the_chosen_step(corpus, tmp_path, capsys):
    run(config(corpus), tmp_path)
    chosen = json.loads((tmp_path / "choice.json").read_text())
    rows = {row["step"]: row for row in read_log(tmp_path) if "choice/misses" in row}
    assert list(rows) == [2, 4, 6]
    assert chosen["score"].keys() == {
        f"choice/{count}{name}" for count in ("misses", "false_accepts") for name in ("", "_clean", "_snr_5")
    }
    assert chosen["score"]["choice/misses"] == min(row["choice/misses"] for row in rows.values())
    assert chosen["score"].items() <= rows[chosen["step"]].items()
    assert chosen["step"] in saved_steps(tmp_path)
    detector = open_detector(str(tmp_path), "--workdir")
    assert detector.step == chosen["step"]
    # Its score is that of the detector as it is read.
    assert choice_of(config(corpus), False)(detector.params) == chosen["score"]
    printed = capsys.readouterr().err
    assert "with 3 keywords are scored every 2 steps, in clean and snr_5" in printed
    assert "config.choice.rate=10: the stream is too short to tell that rate from 0 an hour" in printed
    assert "WARNING" not in printed, "Orbax is content"


def test_without_a_validation_split_the_last_step_is_taken(without_validation, tmp_path, capsys):
    run(config(without_validation), tmp_path)
    assert "config.choice: no validation split with recordings of alexa and other speech" in capsys.readouterr().err
    assert not (tmp_path / "choice.json").exists()
    assert open_detector(str(tmp_path), "--workdir").step == 6
    assert saved_steps(tmp_path) == [5, 6]


def test_what_cannot_choose_is_named(corpus, capsys):
    assert choice_of(config(corpus, every=0), False) is None
    assert not capsys.readouterr().err
    assert choice_of(config(corpus), True) is None
    assert "the members of a sweep take their last step" in capsys.readouterr().err
    made = config(corpus)
    made.measure = "clips"
    with pytest.raises(UserError, match=r"config\.choice\.every=2: expected 0 with config\.measure=clips"):
        choice_of(made, False)
