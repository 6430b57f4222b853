"""Flags and overrides: whatever is typed, a configuration or one line."""

import contextlib
import importlib
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.train import flags as configuration
from tests.conftest import ROOT

FIELDS = (
    "steps",
    "seed",
    "loss.gamma",
    "teacher.layers",
    "data.corpus",
    "mesh.fsdp",
    "augment.snr_db",
    "sweep",
    "nothing",
    "loss",
    "",
)
VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["1", "-1", "1e400", "nan", "True", "None", "(1, 2)", "{'seed': [0, 1]}", "[", "__import__('os')", "0x10", "1_0"]
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(field="sweep", value="{'loss.gamma': [0, 1]}")
@example(field="steps", value="9" * 400)
@given(field=st.sampled_from(FIELDS), value=VALUES)
def test_any_override_gives_a_configuration_or_one_line(monkeypatch, field, value):
    monkeypatch.chdir(ROOT)
    arguments = ["train", "--config=configs/distill.py", "--workdir=w", f"--config.{field}={value}"]
    with contextlib.suppress(UserError):
        asked = configuration.parse(arguments, "an example")
        assert isinstance(asked.config, ConfigDict)
        assert asked.config.task == "distill"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--coordinator=here",), "--coordinator=here"),
        (("--coordinator=localhost:1", "--processes=2", "--process=2"), "--process=2"),
        (("--coordinator=auto",), "--coordinator=auto: "),
    ],
)
def test_processes_that_cannot_be_are_named(flags, named, monkeypatch):
    from s3rl_jax.engine.processes import join

    monkeypatch.chdir(ROOT)
    configuration.parse(["train", "--config=configs/distill.py", "--workdir=w", *flags], "an example")
    given_flags = (configuration._COORDINATOR.value, configuration._PROCESSES.value, configuration._PROCESS.value)
    with pytest.raises(UserError, match=named):
        join(*given_flags)


def test_every_config_has_the_fields_that_all_runs_have():
    importlib.invalidate_caches()
    sys.path.insert(0, str(ROOT))
    for name in ("pretrain", "distill", "finetune"):
        config = importlib.import_module(f"configs.{name}").get_config()
        for field in ("micro_batches", "runlocal", "wandb", "dtype", "steps_per_dispatch"):
            assert field in config, f"{name}: {field}"
        assert set(config.mesh) == {"sweep", "fsdp"}
