"""Before a long run: what it costs, whether it goes through, and what can be watched of it."""

import json

import jax
import numpy as np
import pytest

from s3rl_jax.runs.params import read_params
from tests.conftest import run_module


def train(config: str, *flags: str, **environment: str):
    return run_module("train", f"--config=configs/{config}.py", *flags, env=environment)


@pytest.mark.parametrize("config", ["distill", "finetune"])
def test_a_dry_run_says_what_it_costs_and_writes_nothing(tmp_path, config):
    done = train(config, "--dry_run", "--config.runlocal=True", f"--workdir={tmp_path}/run")
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert [run["task"] for run in runs] == (
        ["pretrain dry run", "distill dry run"] if config == "distill" else ["finetune dry run"]
    )
    for run in runs:
        assert run["parameters"] > 1000
        assert run["flops_per_step"] > 1e6
        assert run["argument_bytes"] > 4 * 3 * run["parameters"], "parameters and Adam's two moments"
        assert run["temporary_bytes"] > 0
        assert run["hours_to_finish"] == pytest.approx(4 / run["steps_per_second"] / 3600, abs=1e-3)
        assert run["audio_seconds_per_second"] > 0
    assert "steps in" in done.stderr


def test_a_run_at_the_least_size_goes_through_with_everything_on(tmp_path):
    """runlocal keeps what may break: objectives, dtype, micro-batches; --profile and Weights & Biases watch it."""
    module = tmp_path / "modules"
    module.mkdir()
    (module / "wandb.py").write_text(
        "import json, pathlib\n"
        "def init(**settings):\n"
        "    folder = pathlib.Path(settings['dir'])\n"
        "    (folder / 'wandb.json').write_text(json.dumps({n: settings[n] for n in ('project', 'name', 'id', 'resume')}))\n"
        "    return Run(folder)\n"
        "class Run:\n"
        "    def __init__(self, folder): self.folder, self.rows = folder, []\n"
        "    def log(self, metrics, step): self.rows.append({'step': step, **metrics})\n"
        "    def finish(self): (self.folder / 'rows.json').write_text(json.dumps(self.rows))\n"
    )
    done = train(
        "pretrain",
        "--config.runlocal=True",
        "--config.steps=8",
        "--config.dtype=bfloat16",
        "--config.remat=True",
        "--config.micro_batches=2",
        "--config.steps_per_dispatch=1",
        "--config.wandb=a project",
        "--profile",
        f"--workdir={tmp_path}/run",
        PYTHONPATH=str(module),
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(row) for row in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    names = {"audio_seconds_per_second", "flops_utilisation", "peak_memory_bytes", "input_wait", "loss", "accuracy"}
    assert all(names <= row.keys() for row in rows)
    assert "all " in done.stderr, "how many parameters"
    assert "Gflop a step" in done.stderr
    assert "trace of 2 dispatches" in done.stderr, "of a run that ends before a trace does"
    asked = json.loads((tmp_path / "run/wandb.json").read_text())
    assert asked["project"] == "a project"
    assert asked["resume"] == "allow"
    watched = json.loads((tmp_path / "run/rows.json").read_text())
    assert [(row["step"], row["loss"]) for row in watched] == [(row["step"], row["loss"]) for row in rows]


def test_weights_and_biases_that_are_not_installed_are_named(tmp_path):
    done = train("finetune", "--config.runlocal=True", "--config.wandb=p", f"--workdir={tmp_path}")
    assert done.returncode == 2
    assert "config.wandb=p: Weights & Biases is not installed" in done.stderr.splitlines()[-1]


def test_a_trace_and_compiled_programs_are_written_and_a_cached_program_gives_the_same_bits(tmp_path):
    flags = ("--config.student.size=toy", "--config.preflight=False", "--config.batch_size=8", "--config.steps=10")
    flags = (*flags, "--config.data.corpus=fake", f"--compile_cache={tmp_path}/cache")
    done = train("finetune", *flags, "--profile", f"--workdir={tmp_path}/first")
    assert done.returncode == 0, done.stderr
    assert "trace of 5 dispatches" in done.stderr
    assert list((tmp_path / "first/profile").rglob("*.xplane.pb"))
    compiled = {file.name for file in (tmp_path / "cache").glob("*train_steps*-cache")}
    assert compiled
    again = train("finetune", *flags, f"--workdir={tmp_path}/second")
    assert again.returncode == 0, again.stderr
    assert {file.name for file in (tmp_path / "cache").glob("*train_steps*-cache")} == compiled, "found, not compiled again"
    ended = (read_params(tmp_path / name, "--workdir") for name in ("first", "second"))
    jax.tree.map(np.testing.assert_array_equal, *ended)


@pytest.mark.parametrize("corpus", ["fake:0", "fake:many", "fake:-1"])
def test_hours_that_cannot_be_faked_are_named(tmp_path, corpus):
    done = train("finetune", f"--config.data.corpus={corpus}", f"--workdir={tmp_path}")
    assert done.returncode == 2, done.stderr
    assert f"config.data.corpus={corpus}: expected fake" in done.stderr.splitlines()[-1]
