"""Sweeps of the real tasks: a member equals the same run alone, and goes on by itself."""

import itertools

import jax
import numpy as np
import pytest

from configs import distill as distill_file
from configs import finetune as finetune_file
from configs import pretrain as pretrain_file
from s3rl_jax.core.errors import UserError
from s3rl_jax.engine.sweep_members import members_of
from s3rl_jax.evaluate.evaluation import evaluate
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import read_config
from s3rl_jax.tasks.distill import sweep_config
from s3rl_jax.tasks.objectives.registry import OBJECTIVES
from s3rl_jax.train.run import MAY_DIFFER, run

STEPS = 20


def small(config, corpus):
    config.steps, config.batch_size, config.log_every, config.checkpoint_every = STEPS, 8, 10, 20
    config.data.corpus, config.student.size = corpus, "toy"
    config.preflight = False
    return config


def distil(chain, **losses):
    config = small(distill_file.get_config("paper"), chain["corpus"])
    config.data.crop_seconds, config.data.shortest_seconds, config.distractors = 0.8, 0.3, 10
    config.teacher.source = f"{chain['distilled']}/teacher"
    for name in OBJECTIVES:
        config.loss[name] = losses.get(name, 0.0)
    return config


def assert_members_equal_runs_alone(config, workdir, entry):
    members = members_of(config, MAY_DIFFER[config.task])
    run(config, workdir / "sweep")
    ends = []
    for member in members:
        run(member.config, workdir / "alone" / member.name)
        ours = read_params(workdir / "sweep/members" / member.name, "--workdir")[entry]
        theirs = read_params(workdir / "alone" / member.name, "--workdir")[entry]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, theirs)
        ends.append(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(ours)]))
    for one, other in itertools.pairwise(ends):
        assert np.abs(one - other).max() > 1e-3, "members differ"
    return members


def test_distilled_students_with_other_objectives_layers_and_seeds(chain, tmp_path):
    config = distil(chain, dual_view=1.0)
    config.sweep = {
        "row": {
            "codes": {"loss.gamma": 1, "seed": 3},
            "layer 2": {"teacher.layers": "2", "loss.feature_view": 0.5},
            "own": {"loss.dual_view": 0.0, "loss.own_codebook": 1.0},
        }
    }
    members = assert_members_equal_runs_alone(config, tmp_path, "student")
    folder = tmp_path / "sweep/members/layer_2"
    assert (folder / "report/layer_weights.svg").is_file()
    assert read_config(folder, "--workdir").loss.feature_view == 0.5
    with pytest.raises(UserError, match=r"a sweep; expected one of its members.*codes, layer_2, own"):
        read_config(tmp_path / "sweep", "--config.init")
    assert sweep_config([member.config for member in members]).teacher.layers == "all"

    # A member goes on by itself, as any run.
    made = small(finetune_file.get_config(), chain["corpus"])
    made.student.size, made.init, made.steps = "", str(folder), 2
    run(made, tmp_path / "detector")
    assert read_config(tmp_path / "detector", "--workdir").student.size == "toy"


def test_fine_tuned_detectors_that_begin_elsewhere(chain, tmp_path):
    config = small(finetune_file.get_config(), chain["corpus"])
    config.data.window_seconds = 1.2
    config.sweep = {"start": {"random": {}, "distilled": {"init": chain["distilled"], "seed": 1}}}
    assert_members_equal_runs_alone(config, tmp_path, "student")
    measured = evaluate(
        str(tmp_path / "sweep/members/distilled"), chain["corpus"], "test", str(tmp_path / "report"), ("clean",)
    )
    assert measured["positives"] == 6
    config.sweep = {"init": [chain["distilled"], str(tmp_path)]}
    with pytest.raises(UserError, match=r"config\.init"):
        run(config, tmp_path / "bad")


def test_pretrained_students_of_several_seeds(chain, tmp_path):
    config = small(pretrain_file.get_config("student"), chain["corpus"])
    config.data.crop_seconds, config.data.shortest_seconds, config.distractors = 0.8, 0.3, 10
    config.validation.every = 10
    config.sweep = {"seed": [0, 1]}
    assert_members_equal_runs_alone(config, tmp_path, "student")
