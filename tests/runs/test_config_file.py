"""--config: a file, or the name of a config that comes with the package, perhaps with a variant."""

import importlib

import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.runs.config_file import load_config, packaged_configs
from tests.conftest import ROOT

NAMES = ("ablation", "distill", "finetune", "pretrain")
VARIANTS = [(name, variant) for name in NAMES for variant in importlib.import_module(f"configs.{name}").VARIANTS]


def test_the_package_has_the_configs_of_the_checkout():
    assert packaged_configs() == {name: ROOT / "configs" / f"{name}.py" for name in NAMES}


@pytest.mark.parametrize(("name", "variant"), [(name, "") for name in NAMES] + VARIANTS)
def test_a_name_and_a_file_give_the_same_config_from_any_folder(name, variant, tmp_path, monkeypatch):
    of_file = load_config(f"{ROOT}/configs/{name}.py:{variant}")
    monkeypatch.chdir(tmp_path)
    of_name = load_config(f"{name}:{variant}" if variant else name)
    in_python = importlib.import_module(f"configs.{name}").get_config(variant)
    assert of_file.to_json() == of_name.to_json() == in_python.to_json()


@pytest.mark.parametrize("name", ["pretrain", "distill", "finetune"])
def test_every_run_has_the_same_fields_for_its_course(name):
    config = load_config(name)
    assert {"seed", "steps", "batch_size", "log_every", "checkpoint_every", "micro_batches", "runlocal", "wandb"} <= set(config)
    assert {"dtype", "steps_per_dispatch", "sweep", "optimizer", "loss", "data"} <= set(config)
    assert set(config.mesh) == {"sweep", "fsdp"}


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_variant_lists_the_known_ones(name):
    module = importlib.import_module(f"configs.{name}")
    expected = f"variant 'quantisation_aware' of {name}: expected one of {', '.join(module.VARIANTS)}, or none"
    with pytest.raises(UserError, match=expected):
        module.get_config("quantisation_aware")
    with pytest.raises(UserError, match=f"--config={name}:quantisation_aware: {expected}"):
        load_config(f"{name}:quantisation_aware")


@pytest.mark.parametrize("name", ["distil", "shared", "configs/nothing.py", "/", "", ":", "configs", "..py"])
def test_a_file_that_is_not_there_is_named(name):
    with pytest.raises(UserError, match=f"--config={name}: no such file; .*distill"):
        load_config(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config(: pass", "SyntaxError"),
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named"),
        ("def get_config(): return 1 / 0", "ZeroDivisionError: .*broken.py, line 1"),
        ("def get_config(): return {}", "get_config returned dict; expected a ConfigDict"),
        ("", "has no attribute 'get_config'"),
    ],
)
def test_a_file_that_gives_no_config_is_one_line(tmp_path, text, message):
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load_config(f"{tmp_path}/broken.py")
    assert "\n" not in str(caught.value)


def test_a_file_of_the_users_imports_its_neighbours(tmp_path):
    (tmp_path / "sizes.py").write_text("STEPS = 7\n")
    (tmp_path / "mine.py").write_text(
        "from configs import distill\n"
        "from .sizes import STEPS\n"
        "def get_config():\n"
        "    config = distill.get_config()\n"
        "    config.steps = STEPS\n"
        "    return config\n"
    )
    config = load_config(f"{tmp_path}/mine.py")
    assert (config.task, config.steps) == ("distill", 7)
    with pytest.raises(AttributeError):
        config.stepps = 8  # a config is locked: overrides cannot add fields
