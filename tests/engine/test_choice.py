"""The choice of a checkpoint by a score: which is kept and read, and what an interruption changes (nothing)."""

import json
import shutil

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from s3rl_jax.engine import loop
from s3rl_jax.engine.job import Inputs, Job
from s3rl_jax.runs.choice import CHOICE, FALSE_ACCEPTS, MISSES, merit
from s3rl_jax.runs.params import read_params_and_step
from s3rl_jax.runs.workdir import read_log, saved_steps
from tests.engine.test_loop import batches, config, line

STEPS, EVERY = 14, 3
SCORES = {3: (9, 1), 6: (2, 8), 9: (2, 5), 12: (4, 0), 14: (2, 6)}  # misses and false accepts by step


class Scores:
    """A score for each step, in their order. It keeps the parameters that it was given."""

    def __init__(self, scores=SCORES, first: int = 0):
        self.left = [scores[step] for step in sorted(scores) if step > first]
        self.params: list = []

    def __call__(self, params) -> dict[str, float]:
        self.params.append(params)
        misses, accepts = self.left.pop(0)
        return {MISSES: float(misses), FALSE_ACCEPTS: float(accepts)}


def settings(**changes) -> ConfigDict:
    return config(steps=STEPS, checkpoint_every=4, choice=ConfigDict({"every": EVERY}), **changes)


def run(workdir, choice, rows=batches, average=0.0):
    made = settings()
    made.optimizer.average = average
    return loop.train(Job(line(), Inputs(rows), made, "line", choice=choice), workdir)


def test_fewer_misses_are_better_and_then_fewer_false_accepts():
    scores = [{MISSES: m, FALSE_ACCEPTS: f} for m, f in ((2.0, 5.0), (2.0, 8.0), (3.0, 0.0))]
    assert sorted([scores[2], {}, scores[1], scores[0]], key=merit) == [{}, scores[2], scores[1], scores[0]]


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_best_checkpoint_is_kept_and_read(tmp_path, average):
    scores = Scores()
    last = run(tmp_path, scores, average=average)
    assert saved_steps(tmp_path) == [9, 12, 14], "the best, and the newest two"
    assert json.loads((tmp_path / CHOICE).read_text()) == {"step": 9, "score": {MISSES: 2.0, FALSE_ACCEPTS: 5.0}}
    params, step = read_params_and_step(tmp_path, "--workdir")
    assert step == 9
    jax.tree.map(np.testing.assert_array_equal, params, scores.params[2])
    jax.tree.map(np.testing.assert_array_equal, last, scores.params[-1])
    assert {row["step"]: row[MISSES] for row in read_log(tmp_path) if MISSES in row} == {s: m for s, (m, _) in SCORES.items()}


def test_scoring_changes_no_step_and_the_newest_of_equal_ones_is_chosen(tmp_path):
    plain = run(tmp_path / "plain", None)
    assert not (tmp_path / "plain" / CHOICE).exists()
    scored = run(tmp_path / "scored", Scores(dict.fromkeys(SCORES, (1, 1))))
    jax.tree.map(np.testing.assert_array_equal, plain, scored)
    assert read_params_and_step(tmp_path / "scored", "--workdir")[1] == STEPS


@pytest.mark.parametrize("cut", [5, 10, 13])
def test_an_interrupted_run_chooses_the_same(tmp_path, cut):
    whole = run(tmp_path / "whole", Scores())

    def broken(first, last):
        yield from batches(first, min(last, cut))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", Scores(), broken)
    resumed = run(tmp_path / "cut", Scores(first=saved_steps(tmp_path / "cut")[-1]))
    jax.tree.map(np.testing.assert_array_equal, whole, resumed)
    assert (tmp_path / "cut" / CHOICE).read_text() == (tmp_path / "whole" / CHOICE).read_text()
    chosen = [read_params_and_step(tmp_path / name, "--workdir") for name in ("whole", "cut")]
    jax.tree.map(np.testing.assert_array_equal, *chosen)
    (tmp_path / "cut" / CHOICE).unlink()  # as after a kill behind the last checkpoint
    run(tmp_path / "cut", Scores({}))
    assert (tmp_path / "cut" / CHOICE).read_text() == (tmp_path / "whole" / CHOICE).read_text()


def test_a_chosen_checkpoint_that_is_broken_gives_way_to_the_newest(tmp_path, capsys):
    run(tmp_path, Scores())
    shutil.rmtree(tmp_path / "checkpoints/9/default")
    assert read_params_and_step(tmp_path, "--workdir")[1] == STEPS
    assert "the checkpoint of step 9 cannot be read" in capsys.readouterr().err


def test_a_run_from_before_scores_goes_on_with_them(tmp_path):
    def broken(first, last):
        yield from batches(first, min(last, 9))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, None, broken)
    assert saved_steps(tmp_path) == [4, 8]
    run(tmp_path, Scores(first=8))
    assert read_params_and_step(tmp_path, "--workdir")[1] == 9
