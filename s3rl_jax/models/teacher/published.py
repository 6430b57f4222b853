"""Reads a published checkpoint (config.json and safetensors) of any teacher family."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flax import traverse_util

from s3rl_jax.models.teacher.family import Family, ParameterPath, TeacherConfig, UnsupportedCheckpoint
from s3rl_jax.models.teacher.registry import FAMILIES


class PublishedModel(NamedTuple):
    """A published model, converted to our parameters.

    Attributes:
      config: sizes of the model.
      params: parameters in float32.
      ignored: names of the checkpoint's tensors that are no part of a teacher.
    """

    config: TeacherConfig
    params: dict[str, Any]
    ignored: list[str]


def read_published(folder: Path) -> PublishedModel:
    """Reads config.json, model.safetensors (or its shards) and, if there is one, preprocessor_config.json.

    Raises:
      UnsupportedCheckpoint: for an unknown architecture, a pickle, and tensors that are missing, unknown or of another shape;
        names them.
    """
    published = _json(folder / "config.json")
    family = FAMILIES.get(published.get("model_type"))
    if family is None:
        expected = ", ".join(FAMILIES)
        raise UnsupportedCheckpoint(f"config.json: model_type {published.get('model_type')!r}; expected one of {expected}")
    preprocessor = folder / "preprocessor_config.json"
    files = _open_tensors(folder)
    config = family.read_config(published, _json(preprocessor) if preprocessor.is_file() else {}, files.keys())
    return PublishedModel(config, *_parameters(family, config, files))


def _parameters(family: Family, config: TeacherConfig, files: dict[str, Any]) -> tuple[dict, list[str]]:
    """Reads the tensors of open files.

    Returns:
      Parameters in float32, and the names of the tensors that were ignored.

    Raises:
      UnsupportedCheckpoint: for tensors that are unknown, missing, or of another shape than the configuration implies; names
        them.
    """
    expected = traverse_util.flatten_dict(family.parameter_shapes(config))
    params, ignored, errors = {}, [], []
    for name, file in files.items():
        inner = name.removeprefix(next((prefix for prefix in family.prefixes if name.startswith(prefix)), ""))
        path = family.parameter_path(inner)
        if path in expected:
            tensor = np.asarray(file.get_tensor(name), np.float32)
            params[path] = _laid_out(family, config, path, tensor)
            if params[path].shape != expected[path].shape:
                errors.append(f"{name} has shape {list(tensor.shape)}, which config.json does not give it")
        elif family.ignored.fullmatch(inner):
            ignored.append(name)
        else:
            errors.append(f"{name} has no place in the model")
    errors += [f"no tensor for {'/'.join(path)}" for path in expected if path not in params]
    if errors:
        more = f" and {len(errors) - 5} more" if len(errors) > 5 else ""
        raise UnsupportedCheckpoint(f"model.safetensors: {'; '.join(errors[:5])}{more}")
    return traverse_util.unflatten_dict(params), sorted(ignored)


def _laid_out(family: Family, config: TeacherConfig, path: ParameterPath, tensor: np.ndarray) -> np.ndarray:
    """Converts a tensor to our layout; returns it unchanged where its size does not fit."""
    try:
        return family.parameter_layout(path, tensor, config)
    except ValueError:
        return tensor


def _json(path: Path) -> dict:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnsupportedCheckpoint(f"{path.name}: cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise UnsupportedCheckpoint(f"{path.name}: expected a JSON object")
    return values


def _open_tensors(folder: Path) -> dict[str, Any]:
    """Maps the name of each tensor to its open safetensors file. A tensor is read from disk by `file.get_tensor(name)`."""
    from safetensors import SafetensorError, safe_open

    index = folder / "model.safetensors.index.json"
    names = sorted(set(_json(index)["weight_map"].values())) if index.is_file() else ["model.safetensors"]
    files = {}
    for name in names:
        path = folder / name
        if path.parent != folder or not path.is_file():
            raise UnsupportedCheckpoint(_missing_file(folder, name))
        try:
            file = safe_open(path, framework="flax")
        except (SafetensorError, OSError) as error:
            raise UnsupportedCheckpoint(f"{name}: not a safetensors file: {error}") from error
        files |= dict.fromkeys(file.keys(), file)
    return files


def _missing_file(folder: Path, name: str) -> str:
    pickles = [path.name for path in sorted(folder.iterdir()) if path.suffix in (".bin", ".pt", ".pth", ".ckpt")]
    if not pickles:
        return f"no {name} there"
    return (
        f"{pickles[0]} is a pickle, which can run a stranger's code, and is not read; expected {name}. To convert it where "
        f'you trust it: python -c "from transformers import AutoModelForPreTraining as A; '
        f"A.from_pretrained('{folder}').save_pretrained('{folder}-safe')\""
    )
