"""Loads the config file of `--config=NAME`. NAME is a path, or the name of a config that comes with the package."""

import importlib.util
import re
import sys
import traceback
import types
from pathlib import Path

from ml_collections import ConfigDict

import s3rl_jax
from s3rl_jax.core.errors import UserError, one_line


def load_config(name: str) -> ConfigDict:
    """Calls `get_config` of a config file, and locks the result.

    Args:
      name: `configs/distill.py`, `distill`, or either with a variant: `distill:quickstart`.

    Raises:
      UserError: for a file or a variant that does not exist, and for a file that fails or returns no ConfigDict.
    """
    file, colon, variant = name.partition(":")
    path = Path(file) if file.endswith(".py") else packaged_configs().get(file)
    if path is None or not path.is_file():
        names = ", ".join(packaged_configs())
        raise UserError(f"--config={name}: no such file; expected one such as configs/distill.py, or one of {names}")
    try:
        get_config = _module(path).get_config
        config = get_config(variant) if colon else get_config()
    except UserError as error:
        raise UserError(f"--config={name}: {error}") from error
    except Exception as error:  # a user's file may raise anything
        line = traceback.extract_tb(error.__traceback__)[-1]
        text = one_line(f"{type(error).__name__}: {error}")
        raise UserError(f"--config={name}: {text} ({line.filename}, line {line.lineno})") from error
    if not isinstance(config, ConfigDict):
        raise UserError(f"--config={name}: get_config returned {type(config).__name__}; expected a ConfigDict")
    return config.lock()


def packaged_configs() -> dict[str, Path]:
    """Paths of the configs that come with the package, by name: in the installed package, or in the checkout."""
    package = Path(s3rl_jax.__file__).parent
    folder = next((folder for folder in (package / "configs", package.parent / "configs") if folder.is_dir()), None)
    files = sorted(folder.glob("*.py")) if folder else []
    return {file.stem: file for file in files if file.stem not in ("__init__", "shared")}


def _module(path: Path) -> types.ModuleType:
    """Imports a file as a module of a package that is its folder, so that it can use relative imports anywhere."""
    folder = path.resolve().parent
    package = types.ModuleType(re.sub(r"\W", "_", f"configs in {folder}"))
    package.__path__ = [str(folder)]
    sys.modules[package.__name__] = package
    spec = importlib.util.spec_from_file_location(f"{package.__name__}.{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
