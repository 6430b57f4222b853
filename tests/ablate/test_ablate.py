"""The paper's tables at the least size, by the command."""

import json

import pytest

from tests.conftest import run_module

CONFIG = """
from configs import ablation


def get_config():
    config = ablation.get_config()
    config.rows = {name: config.rows[name] for name in ("no teacher", "not distilled", "dual view")}
    config.rows_of_other_size = ("no teacher",)
    config.student.size, config.other_size = "toy", "tiny"
    config.seeds = (0, 1)
    config.conditions = ("clean", "snr_5")
    for stage in (config.pretrain, config.distill, config.finetune):
        stage.steps, stage.batch_size, stage.log_every = 4, 8, 2
    for stage in (config.pretrain, config.distill):
        stage.distractors, stage.data.crop_seconds, stage.data.shortest_seconds = 10, 0.8, 0.3
    config.pretrain.validation.every = 0
    config.finetune.steps, config.finetune.optimizer.learning_rate = 20, 0.01
    config.finetune.data.window_seconds = 1.2
    return config
"""


@pytest.fixture(scope="module")
def ablation(chain, tmp_path_factory):
    root = tmp_path_factory.mktemp("ablation")
    (root / "toy.py").write_text(CONFIG)
    arguments = (
        f"--config={root}/toy.py",
        f"--workdir={root}/runs",
        f"--config.data.corpus={chain['corpus']}",
        f"--config.teacher.source={chain['distilled']}/teacher",
    )
    done = run_module("ablate", *arguments)
    assert done.returncode == 0, done.stderr
    return root / "runs", arguments, done


def test_all_rows_for_each_seed(ablation):
    runs, _, done = ablation
    table = json.loads((runs / "ablation.json").read_text())
    assert [row["row"] for row in table] == ["no teacher", "not distilled", "dual view", "no teacher"]
    for row in table:
        assert row["seeds"] == 2
        assert set(row["conditions"]) == {"clean", "snr_5"}
        for cell in row["conditions"].values():
            assert len(cell["frr"]) == len(cell["eer"]) == 2
    for cell in table[0]["conditions"].values():
        assert cell["relative_far"] in (1.0, None), "the baseline against itself"
    assert "dual view | toy" in done.stdout
    assert (runs / "ablation.md").read_text() in done.stdout


def test_it_goes_on_where_it_was_stopped(ablation):
    runs, arguments, done = ablation
    lost = runs / "finetune-toy/part-0/members/dual_view,seed=1/report/index.html"
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("metrics.json")}
    lost.unlink()
    again = run_module("ablate", *arguments)
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout
    changed = [path for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert changed == [lost.parent / "metrics.json"]


def test_a_member_is_exported_alone(ablation, tmp_path):
    runs, _, _ = ablation
    member = runs / "finetune-toy/part-0/members/dual_view,seed=0"
    report = f"--report={member}/report"
    done = run_module("export", f"--workdir={member}", report, f"--out={tmp_path}/m.tflite", "--quantize=none")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "m.json").read_text())["labels"][1] == "alexa"


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("--config.baseline=nothing", "config.baseline='nothing'"),
        ("--config.seeds=(1,1)", "config.seeds=(1, 1)"),
        ("--config.rate=3.0", "config.rate=3.0"),
        ("--config.other_size=toy", "config.other_size=toy"),
        ("--config.members_at_once=-1", "config.members_at_once=-1"),
    ],
)
def test_a_users_mistake_is_one_line(ablation, tmp_path, flag, named):
    _, arguments, _ = ablation
    done = run_module("ablate", *arguments[:1], f"--workdir={tmp_path}/w", *arguments[2:], flag)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith(f"error: {named}")
