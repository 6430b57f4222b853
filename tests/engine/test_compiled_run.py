"""What is compiled: its cost, its micro-batches, where its arrays stand."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.engine import loop
from s3rl_jax.engine import mesh as meshes
from s3rl_jax.engine.compiled_run import CompiledRun
from s3rl_jax.engine.job import Inputs, Job
from s3rl_jax.engine.mesh import make_mesh, stored
from s3rl_jax.engine.step import in_micro_batches
from s3rl_jax.engine.throughput import ceiling, overview, peak_memory
from s3rl_jax.tasks.task import Task

DEVICES = 8
WIDTH = 64


def config(**changes) -> ConfigDict:
    settings = {"learning_rate": 0.1, "warmup": 0.1, "weight_decay": 0.01, "beta1": 0.9, "beta2": 0.98, "clip": 1.0}
    made = {"seed": 1, "steps": 12, "log_every": 3, "checkpoint_every": 12, "batch_size": 32, "optimizer": settings}
    return ConfigDict({**made, **changes})


def matrix() -> Task:
    """A mean over rows, so that micro-batches change nothing."""

    def loss(params, targets, batch, rng, weights):
        total = jnp.mean((batch["x"] @ params["w"] - targets["y"]) ** 2)
        return total, {"mse": total}, {}

    return Task(
        init=lambda rng, batch: {"w": jax.random.normal(rng, (WIDTH, WIDTH))},
        targets=lambda frozen, batch, rng: {"y": batch["x"][:, ::-1]},
        loss=loss,
        weights=lambda step: {},
        frozen={},
    )


def batches(first, last):
    for step in range(first, last):
        yield {"x": np.random.default_rng(step).standard_normal((32, WIDTH)).astype(np.float32)}


def job(**changes) -> Job:
    return Job(matrix(), Inputs(batches), config(**changes), "matrix")


def program(**changes) -> CompiledRun:
    return CompiledRun(job(**changes), next(batches(0, 1)))


@pytest.mark.parametrize("changes", [{}, {"steps_per_dispatch": 8}, {"micro_batches": 4}])
def test_operations_of_a_step_are_counted(changes):
    """A product forward and one for the gradient, 2 x 32 x 64 x 64 each, and Adam's few for each weight."""
    flops = program(**changes).flops
    products = 2 * 2 * 32 * WIDTH**2
    assert products < flops < products + 60 * WIDTH**2


@pytest.mark.parametrize("changes", [{"micro_batches": 4}, {"mesh": {"fsdp": 4}}, {"mesh": {"fsdp": 2}, "micro_batches": 2}])
def test_micro_batches_and_parts_of_the_state_change_nothing(tmp_path, monkeypatch, changes):
    monkeypatch.setattr(meshes, "SMALLEST", 64)
    plain = loop.train(job(), tmp_path / "plain")
    other = loop.train(job(**changes), tmp_path / "other")
    np.testing.assert_allclose(other["w"], plain["w"], rtol=1e-4, atol=1e-5)


def test_micro_batches_hold_one_part_at_a_time():
    """The parts are all the rows, each once, and the largest array is of a part."""
    seen = []

    def of_batch(params, targets, batch, rng, weights):
        seen.append(batch["x"].shape)
        return {"sum": batch["x"].sum(), "rows": jnp.float32(len(batch["x"]))}

    x = jnp.arange(24.0).reshape(12, 2)
    found = jax.jit(lambda x: in_micro_batches(of_batch, 3)({}, {}, {"x": x}, jax.random.key(0), {}))(x)
    assert set(seen) == {(4, 2)}
    assert float(found["sum"]) == pytest.approx(x.sum() / 3)
    assert float(found["rows"]) == 4


@pytest.mark.parametrize("parts", [0, 3, 8])
def test_micro_batches_that_cannot_be_are_named(parts):
    with pytest.raises(UserError, match=f"micro_batches={parts}"):
        program(micro_batches=parts)


def test_a_state_that_is_too_large_for_a_device_is_divided(monkeypatch):
    assert make_mesh().shape == {"sweep": 1, "data": 8, "fsdp": 1}, "a CPU does not say what it holds"
    device = SimpleNamespace(memory_stats=lambda: {"bytes_limit": 16 * 2**30})
    monkeypatch.setattr(jax, "local_devices", lambda: [device])
    for gigabytes, parts in ((1, 1), (4, 1), (5, 2), (9, 4), (30, 8), (300, 8)):
        assert make_mesh(state_bytes=gigabytes * 2**30).shape["fsdp"] == parts, gigabytes
    assert make_mesh(state_bytes=2**40, settings={"fsdp": 2}).shape == {"sweep": 1, "data": 4, "fsdp": 2}
    with pytest.raises(UserError, match=r"mesh\.fsdp=3: expected a divisor of 8"):
        make_mesh(settings={"fsdp": 3})


def test_large_arrays_are_divided_along_their_longest_axis_that_can_be():
    mesh = make_mesh(settings={"fsdp": 4})
    shapes = {"w": (256, 1024), "odd": (1023, 512), "bias": (1024,), "neither": (1023, 1023)}
    found = stored(mesh, {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes.items()})
    assert {name: tuple(place.spec) for name, place in found.items()} == {
        "w": (None, "fsdp"),
        "odd": (None, "fsdp"),
        "bias": (),
        "neither": (),
    }


def test_what_is_said_before_the_first_step():
    params = {"student": {"layer": {"w": np.zeros((3, 4))}, "norm": {"scale": np.zeros(4)}}, "head": {"b": np.zeros(2)}}
    lines = [line.split() for line in overview(params)]
    assert lines == [["student/layer", "12"], ["student/norm", "4"], ["head/b", "2"], ["all", "18"]]
    many = {f"layer_{i}": {"w": np.zeros(2), "b": np.zeros(3)} for i in range(20)}
    assert len(overview(many)) == 21, "a large model's parts are not taken apart"
    assert overview({"w": np.zeros((8, 5))}, members=True)[-1].split() == ["all", "5"]


def test_the_machine_is_measured():
    assert 1e8 < ceiling() < 1e15
    assert peak_memory() > 2**26
