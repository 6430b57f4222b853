"""A sweep of several runs against the same runs alone."""

import json

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from s3rl_jax.core.errors import NonFiniteLoss, UserError
from s3rl_jax.engine import loop
from s3rl_jax.engine.job import Inputs, Job
from s3rl_jax.engine.mesh import make_mesh
from s3rl_jax.engine.sweep import Sweep
from s3rl_jax.engine.sweep_members import members_of
from s3rl_jax.runs.params import read_params
from s3rl_jax.tasks.task import Task

DEVICES = 8
FIELDS = ("loss.", "seed")


def config(sweep=None, **changes) -> ConfigDict:
    made = ConfigDict({"seed": 1, "steps": 20, "log_every": 5, "checkpoint_every": 8, "mesh": {"sweep": 0}})
    made.data, made.loss = ConfigDict({"seed": -1}), ConfigDict({"fit": 1.0, "small": 0.1})
    made.optimizer = ConfigDict(
        {"learning_rate": 0.1, "warmup": 0.1, "weight_decay": 0.01, "beta1": 0.9, "beta2": 0.98, "clip": 1.0}
    )
    made.sweep = placeholder(object)
    made.update(changes)
    return set_sweep(made, sweep)


def set_sweep(made, sweep):
    if sweep is not None:
        plain = ConfigDict(convert_dict=False)
        for name, value in made.items():
            plain[name] = value
        plain.sweep = sweep
        return plain
    return made


def weights_of(made):
    return lambda step: {name: np.float32(weight) for name, weight in made.loss.items()}


def line(made, poison=False) -> Task:
    """Its targets are drawn too, so that it matters that they are shared."""

    def loss(params, targets, batch, rng, weights):
        noise = 0.1 * jax.random.normal(rng, batch["y"].shape)
        fit = ((params["w"] * batch["x"] + params["b"] - batch["y"] - targets["shift"] + noise) ** 2).mean()
        total = weights["fit"] * fit + weights["small"] * params["w"] ** 2
        if poison:
            total = total * jax.numpy.where(weights["fit"] > 5, jax.numpy.nan, 1.0)
        return total, {"fit": fit}, {}

    return Task(
        init=lambda rng, batch: {"w": jax.random.normal(rng, (1, 1))[0, 0], "b": jax.numpy.zeros(())},
        targets=lambda frozen, batch, rng: {"shift": jax.random.normal(rng, batch["y"].shape)},
        loss=loss,
        weights=weights_of(made),
        frozen={},
    )


def batches(first, last):
    for step in range(first, last):
        x = np.random.default_rng(step).standard_normal(16).astype(np.float32)
        yield {"x": x, "y": 3 * x - 1}


def run(made, workdir, poison=False, stream=batches, starts=()):
    members = members_of(made, FIELDS)
    sweep = Sweep(members, tuple(weights_of(member.config) for member in members), starts) if members else None
    if sweep:
        sweep.claim(workdir, allow_changed_config=False)
    return loop.train(Job(line(made, poison), Inputs(stream), made, "line", sweep), workdir), members


@pytest.mark.parametrize("values", [{"loss.small": [0.0, 0.1, 1.0, 2.0], "seed": [1, 2]}, {"loss.fit": [1, 2, 3]}])
def test_each_member_equals_the_same_run_alone(tmp_path, values):
    together, members = run(config(values), tmp_path / "sweep")
    assert len(members) == np.prod([len(v) for v in values.values()])
    for place, member in enumerate(members):
        alone, _ = run(member.config, tmp_path / "alone" / member.name)
        own = read_params(tmp_path / "sweep/members" / member.name, "--workdir")
        for name in alone:
            np.testing.assert_allclose(together[name][place], alone[name], rtol=1e-4, err_msg=member.name)
            np.testing.assert_array_equal(own[name], together[name][place])
        lines = [
            (folder / "metrics.jsonl").read_text().splitlines()
            for folder in (tmp_path / "sweep/members" / member.name, tmp_path / "alone" / member.name)
        ]
        ours, theirs = (json.loads(each[-1]) for each in lines)
        assert ours["step"] == theirs["step"] == 20
        assert ours["fit"] == pytest.approx(theirs["fit"], rel=1e-3)
    ended = np.array(together["w"])
    assert len(set(ended.round(5).tolist())) == len(members), "members differ"


def test_an_interrupted_sweep_ends_bit_for_bit_as_an_undisturbed_one(tmp_path):
    made = config({"seed": [1, 2, 3]})
    whole, _ = run(made, tmp_path / "whole")

    def broken(first, last):
        yield from batches(first, min(last, 13))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(made, tmp_path / "cut", stream=broken)
    resumed, _ = run(made, tmp_path / "cut")
    jax.tree.map(np.testing.assert_array_equal, whole, resumed)


def test_members_are_divided_over_groups_of_devices(tmp_path):
    ended = {}
    for groups in (1, 2, 8):
        made = config({"seed": list(range(8))}, mesh={"sweep": groups})
        assert make_mesh(8, settings={"sweep": groups}).shape == {"sweep": groups, "data": 8 // groups, "fsdp": 1}
        ended[groups], _ = run(made, tmp_path / str(groups))
    for groups in (2, 8):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), ended[1], ended[groups])
    assert make_mesh(6).shape == {"sweep": 2, "data": 4, "fsdp": 1}
    with pytest.raises(UserError, match=r"mesh\.sweep=3"):
        make_mesh(8, settings={"sweep": 3})


def test_a_member_that_diverges_does_not_stop_the_others(tmp_path, capsys):
    made = config({"loss.fit": [1.0, 10.0]})
    run(made, tmp_path / "sweep", poison=True)
    said = [text for text in capsys.readouterr().err.splitlines() if "not finite" in text]
    assert len(said) == 1
    assert "fit=10.0: " in said[0]
    assert " loss" in said[0]
    assert np.isfinite(read_params(tmp_path / "sweep/members/fit=1.0", "--workdir")["w"])
    with pytest.raises(NonFiniteLoss):
        run(config({"loss.fit": [10.0, 11.0]}), tmp_path / "all", poison=True)


def test_members_begin_where_they_are_told(tmp_path):
    starts = (None, {"w": np.float32(7.0)})
    together, _ = run(config({"seed": [1, 2]}, steps=1), tmp_path, starts=starts)
    assert abs(together["w"][1] - 7) < 0.5
    assert abs(together["w"][0] - 7) > 2


def test_named_variants_go_together():
    rows = {"a b": {"loss.fit": 0.5, "loss.small": 0}, "plain": {}}
    members = members_of(config({"rows": rows, "seed": [4, 5]}), FIELDS)
    assert [member.name for member in members] == ["a_b,seed=4", "a_b,seed=5", "plain,seed=4", "plain,seed=5"]
    assert members[1].config.loss.to_dict() == {"fit": 0.5, "small": 0.0}
    assert members[1].config.seed == 5
    assert members[1].config.data.seed == 1, "batches are those of the sweep"
    assert members_of(config(), FIELDS) == ()


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ({"loss.fitt": [1]}, "config.loss.fitt is no field"),
        ({"steps": [1, 2]}, "'steps' cannot differ"),
        ({"seed": ["one"]}, "config.seed='one'"),
        ({"loss.fit": "1"}, "expected a list"),
        ({"loss.fit": ["x"]}, "config.loss.fit='x'"),
        ({"seed": []}, "expected a list"),
        ({"seed": [1, 1]}, "named seed=1"),
        ({}, "expected a dict"),
        ([1], "expected a dict"),
    ],
)
def test_what_cannot_be_swept_is_named(sweep, said):
    with pytest.raises(UserError, match=r"config\.sweep") as error:
        members_of(config(sweep), FIELDS)
    assert said in str(error.value)
