"""What must not be in the code at all: deserialisers that can run a stranger's code, and files outside their folder."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.sources.manifest import read_manifest
from tests.conftest import ROOT

RUN_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
UNPACK = {"tarfile", "shutil.unpack_archive"}
FILES = sorted(file for folder in ("s3rl_jax", "configs", "benchmarks") for file in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_is_unpickled_evaluated_or_unpacked(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {name.split(".")[0] for name in names} & (RUN_CODE | UNPACK), f"line {node.lineno}"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "torch.load", "yaml.load", "yaml.unsafe_load"), f"line {node.lineno}"
            assert not called.endswith(("extractall", "unpack_archive")), f"line {node.lineno}"
            allowed = [k for k in node.keywords if k.arg == "allow_pickle"]
            assert not any(ast.unparse(k.value) == "True" for k in allowed), f"line {node.lineno}"
            assert not any(k.arg == "shell" and ast.unparse(k.value) == "True" for k in node.keywords), f"line {node.lineno}"


@given(st.lists(st.sampled_from(["..", ".", "a", "/", "etc", "passwd", "\\", "~", "%2e%2e", "out"]), min_size=1, max_size=6))
def test_a_manifest_names_nothing_outside_its_folder(tmp_path_factory, parts):
    root = tmp_path_factory.getbasetemp() / "manifest"
    (root / "in").mkdir(parents=True, exist_ok=True)
    link = root / "in" / "out"
    if not link.is_symlink():
        link.symlink_to("/etc")
    (root / "in/manifest.csv").write_text(f"path,split\n{'/'.join(parts)},train\n", encoding="utf-8")
    inside = (root / "in" / "/".join(parts)).resolve().is_relative_to((root / "in").resolve())
    if inside:
        (clip,) = read_manifest(root / "in/manifest.csv")
        assert clip.path.resolve().is_relative_to((root / "in").resolve())
    else:
        with pytest.raises(UserError, match="not inside the manifest's folder"):
            read_manifest(root / "in/manifest.csv")
