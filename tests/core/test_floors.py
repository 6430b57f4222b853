"""The house has floors: a module imports only from packages below its own (docs/architecture.md)."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "s3rl_jax"
# From the ground up. `detect` stands on `core` alone: it runs on a device without JAX.
FLOORS = (
    *(
        "core",
        "detect",
        "record",
        "demo",
        "audio",
        "enrol",
        "losses",
        "models",
        "corpus",
        "runs",
        "pretrained",
        "batches",
        "prepare",
        "starter",
    ),
    *("teachers", "tasks", "engine", "evaluate", "export", "mine", "train", "ablate"),
)
TENSORFLOW = ("prepare", "export")  # the packages that may import it
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Names of all modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_every_package_has_a_floor():
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(FLOORS)
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"], "a module lies loose at the top of the package"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_from_floors_below(path):
    parts = path.relative_to(PACKAGE).parts
    if len(parts) == 1:
        return
    folder = parts[0]
    for name in imported(path):
        top, *rest = name.split(".")
        if top == "tensorflow":
            assert folder in TENSORFLOW, f"{name} in {folder}"
        if top == "s3rl_jax" and rest and rest[0] in FLOORS and rest[0] != folder:
            assert FLOORS.index(rest[0]) < FLOORS.index(folder), f"{folder} imports {name}, which is above it"
