"""The file of a pretrained student: safetensors in float16, with a card in its header."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError

FOLDER = Path(__file__).parent
DEFAULT = "pretrained"  # value of `config.init`: the student of `config.student.size`, where one comes with the package
PREFIX = "pretrained:"  # before a name in `config.init`
SUFFIX = ".safetensors"
NAMES = tuple(sorted(file.stem for file in FOLDER.glob(f"*{SUFFIX}")))  # students that come with the package
CARD = "card"  # key of the card in the file's header


class Pretrained(NamedTuple):
    """A pretrained student.

    Attributes:
      params: `student`, and `statistics` for a student with BatchNorm, in float32.
      card: `student` (its configuration), `teacher`, `sources`, `hours`, `speakers`, `languages`, `licences` (hours
        under each), `steps`, `command`, `commit`.
    """

    params: dict[str, Any]
    card: dict[str, Any]


def is_student_file(init: str) -> bool:
    """Whether `config.init` names a pretrained student rather than a workdir."""
    return init.startswith(PREFIX) or init.endswith(SUFFIX)


def load(name: str) -> Pretrained:
    """Reads a student that comes with the package, by its name in `NAMES`.

    Raises:
      UserError: for a name that does not exist.
    """
    if name not in NAMES:
        raise UserError(f"config.init={PREFIX}{name}: expected one of {', '.join(NAMES)}")
    return read(str(FOLDER / f"{name}{SUFFIX}"))


def read(init: str) -> Pretrained:
    """Reads the student that `config.init` names: `pretrained:NAME`, or a .safetensors file.

    Raises:
      UserError: for a name that does not exist, or a file that s3rl_jax.pretrained did not write.
    """
    from safetensors import SafetensorError, safe_open

    if init.startswith(PREFIX):
        return load(init.removeprefix(PREFIX))
    try:
        with safe_open(init, "numpy") as file:
            card = json.loads((file.metadata() or {})[CARD])
            tensors = {tuple(name.split("/")): file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"config.init={init}: not a student that python -m s3rl_jax.pretrained wrote ({error})") from error
    return Pretrained(unflatten_dict(tensors), card)


def write(path: Path, student: Pretrained) -> None:
    """Writes a student, rounded to float16; the file is written whole or not at all."""
    from safetensors.numpy import save

    tensors = {"/".join(name): np.asarray(value, np.float16) for name, value in flatten_dict(student.params).items()}
    with durably(path, "wb") as file:
        file.write(save(tensors, {CARD: json.dumps(student.card)}))
