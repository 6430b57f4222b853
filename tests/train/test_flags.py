"""Flags and overrides: whatever is typed, a configuration or one line."""

import contextlib
import re
import sys

import pytest
from absl import flags
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.train.flags import parse
from tests.conftest import run_module

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


@pytest.fixture
def parse_flags(monkeypatch):
    """Parses flags as the first thing that a process does."""

    def parse_flags(*arguments: str) -> ConfigDict:
        for name in [name for name in flags.FLAGS if name.startswith("config.")]:  # left by the parse before
            delattr(flags.FLAGS, name)
        arguments = ["train", "--config=distill", "--workdir=w", *arguments]
        monkeypatch.setattr(sys, "argv", arguments)  # where config_flags looks for the fields
        return parse(arguments, "an example").config

    return parse_flags


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(field="sweep", value="{'loss.gamma': [0, 1]}")
@example(field="steps", value="9" * 400)
@given(field=st.sampled_from(FIELDS), value=VALUES)
def test_any_override_gives_a_configuration_or_one_line(parse_flags, field, value):
    with contextlib.suppress(UserError):
        config = parse_flags(f"--config.{field}={value}")
        assert isinstance(config, ConfigDict)
        assert config.task == "distill"


def test_an_override_changes_a_field(parse_flags):
    config = parse_flags("--config.steps=7", "--config.augment.speed=(0.5,2.0)", "--config.sweep={'seed': [0, 1]}")
    assert (config.steps, config.augment.speed, config.sweep) == (7, (0.5, 2.0), {"seed": [0, 1]})


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.stepps=7", """--config: no such field: 'stepps' Did you mean "steps" instead of "stepps"?"""),
        ("--config.steps=many", "--config.steps=many"),
        ("--stops=7", "'stops'"),
        ("stops", "'stops': not a flag"),
    ],
)
def test_what_is_no_field_and_no_value_is_named(parse_flags, argument, message):
    with pytest.raises(UserError, match=re.escape(message)):
        parse_flags(argument)


@pytest.mark.parametrize(
    ("address", "processes", "process", "text"),
    [
        ("here", 1, 0, "--coordinator=here"),
        ("localhost:1", 2, 2, "--process=2"),
        ("auto", 1, 0, "--coordinator=auto: "),
    ],
)
def test_processes_that_cannot_be_are_named(address, processes, process, text):
    from s3rl_jax.engine.processes import join

    with pytest.raises(UserError, match=text):
        join(address, processes, process)


@pytest.mark.parametrize("command", ["train", "ablate"])
def test_help_shows_the_flags(command):
    done = run_module(command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: python -m s3rl_jax.{command} --config=configs/")
    assert "--workdir:" in done.stdout
    assert ("--[no]dry_run:" in done.stdout) == (command == "train")
