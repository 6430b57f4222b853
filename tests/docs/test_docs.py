"""README.md and docs/: links resolve; commands, modules, files and configuration fields that they name exist."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from configs import ablation, distill, finetune, pretrain
from docs import make_configuration
from tests.conftest import ROOT

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks/README.md"]
FOLDERS = ("s3rl_jax", "configs", "launch", "tests", "benchmarks", "notebooks", "examples", "docs")
GENERATED = ("s3rl_jax/demo/web/litert",)  # ignored by git, made by launch/web.sh


def test_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.fixture(params=PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def page(request) -> Path:
    return request.param


def test_links_resolve(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", _without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in _anchors(target), f"{page.name}: {link}: {target.name} has no such heading"


def test_commands_exist(page):
    for module in re.findall(r"python -m ((?:s3rl_jax|benchmarks)[\w.]*)", page.read_text(encoding="utf-8")):
        name = module.rstrip(".")
        assert _spec(name) or _spec(f"{name}.__main__"), f"{page.name}: python -m {name}"
        if name.startswith("s3rl_jax"):
            assert _spec(f"{name}.__main__"), f"{page.name}: python -m {name} is not a command"


def test_modules_and_symbols_exist(page):
    for dotted in re.findall(r"\bs3rl_jax(?:\.[A-Za-z_]\w*)+", page.read_text(encoding="utf-8")):
        assert _resolves(dotted), f"{page.name}: {dotted}"


def test_imports_in_code_exist(page):
    for module, names in re.findall(r"from (s3rl_jax[\w.]*) import ([\w, ]+)", page.read_text(encoding="utf-8")):
        for name in names.split(","):
            assert _resolves(f"{module}.{name.strip()}"), f"{page.name}: from {module} import {name}"


def test_files_exist(page):
    text = page.read_text(encoding="utf-8")
    for path in re.findall(rf"(?<![\w/.-])((?:{'|'.join(FOLDERS)})/[\w./*-]*)", text):
        name = path.rstrip(".")
        if not name.startswith(GENERATED):
            assert any(ROOT.glob(name)) or (ROOT / name).exists(), f"{page.name}: {path}"


def test_configuration_fields_exist(page):
    fields = set().union(*(_fields(module.get_config()) for module in (ablation, distill, finetune, pretrain)))
    for field in re.findall(r"\bconfig\.([a-z_]+(?:\.[a-z_0-9]+)*)\b(?!\()", page.read_text(encoding="utf-8")):
        if field != "json":
            assert field in fields, f"{page.name}: config.{field}"


def test_configuration_page_is_up_to_date():
    written = make_configuration.PAGE.read_text(encoding="utf-8")
    assert written == make_configuration.page(), "run python -m docs.make_configuration"


def _without_code(text: str) -> str:
    return re.sub(r"`[^`]*`", "", re.sub(r"(?m)^    .*$", "", text))


def _anchors(page: Path) -> set[str]:
    """The identifiers that GitHub gives to headings."""
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _spec(name: str):
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None


def _resolves(dotted: str) -> bool:
    """Whether a module, or a class, function, constant, method or import in a module, has that name."""
    parts = dotted.split(".")
    module = next(n for n in range(len(parts), 0, -1) if _spec(".".join(parts[:n])))
    names = parts[module:]
    body = ast.parse(Path(_spec(".".join(parts[:module])).origin).read_text(encoding="utf-8")).body
    for name in names:
        node = next((node for node in body if name in _names(node)), None)
        if node is None:
            return False
        body = getattr(node, "body", [])
    return True


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return {node.name}
    if isinstance(node, ast.ImportFrom):  # a name that a package passes on
        return {alias.asname or alias.name for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _fields(config: ConfigDict, prefix: str = "") -> set[str]:
    names = set()
    for name in config:
        names.add(prefix + name)
        value = config.get(name)
        if isinstance(value, ConfigDict):
            names |= _fields(value, f"{prefix}{name}.")
    return names
