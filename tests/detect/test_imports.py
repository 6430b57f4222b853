"""The packages that a command imports: a device has no JAX, and nobody waits for libraries that a command does not use."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

HEAVY = {"jax", "jaxlib", "flax", "tensorflow", "librosa", "scipy", "soundfile", "sklearn", "matplotlib", "orbax", "absl"}


def imported(statement: str) -> set[str]:
    """Names of all modules that there are after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("command", ["detect", "demo", "export"])
def test_a_command_line_is_parsed_without_heavy_libraries(command):
    packages = {name.split(".")[0] for name in imported(f"import s3rl_jax.{command}.__main__")}
    assert not packages & HEAVY
    assert not packages & {"ai_edge_litert", "sounddevice"}, "imported when a model or the microphone is opened"


def test_detect_imports_the_lowest_floors_alone():
    modules = {name for name in imported("import s3rl_jax.detect.__main__") if name.startswith("s3rl_jax.")}
    assert {name.split(".")[1] for name in modules} == {"core", "detect"}


@pytest.mark.parametrize("module", ["export.export", "evaluate.evaluation"])
def test_export_and_evaluate_import_nothing_of_training(module):
    modules = {name for name in imported(f"import s3rl_jax.{module}") if name.startswith("s3rl_jax.")}
    assert not {name.split(".")[1] for name in modules} & {"train", "engine", "tasks", "teachers", "losses", "mine", "ablate"}
