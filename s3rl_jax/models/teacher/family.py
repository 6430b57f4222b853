"""A teacher family: the functions that the rest of the package needs of one architecture of published models."""

import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float, Int

ParameterPath = tuple[str, ...]


class UnsupportedCheckpoint(Exception):
    """A checkpoint that we cannot compute; the message names the field or tensor, and what is expected."""


@runtime_checkable
class TeacherConfig(Protocol):
    """Sizes of a teacher: a frozen dataclass, from which everything about its parameters follows.

    Attributes:
      hidden_size: of each layer's output.
      layers: of the transformer.
      quantizer: whether the model has a codebook of its own.
    """

    hidden_size: int
    layers: int
    quantizer: bool

    def frame_count(self, samples: Any) -> Any:
        """Frames, 20 ms apart, of that many samples; for an integer or an array of them."""

    def frame_centre(self) -> float:
        """The sample in the middle of those that frame 0 is computed from, before attention mixes frames."""


class Family(NamedTuple):
    """One architecture. Adding one: a file with these functions, and a line in `registry.FAMILIES`.

    Attributes:
      config_class: of the family's configurations.
      read_config: (config.json, preprocessor_config.json, names of all tensors) -> configuration; raises
        `UnsupportedCheckpoint` for arithmetic that we do not do.
      prefixes: that the names of the encoder's tensors may have, when a model with a head was saved.
      ignored: matches the names of tensors that are no part of a teacher.
      parameter_path: name of a tensor, without prefix -> its path in our parameters; None if it has none.
      parameter_layout: (path, tensor, configuration) -> the tensor as our parameters are laid out; raises `ValueError` for
        a tensor of another size.
      parameter_shapes: configuration -> shapes of all parameters.
      front_end: (configuration, parameters, audio [batch, samples] in [-1, 1], length [batch], time) -> features of
        `time` frames.
      hidden_states: (configuration, parameters, features, valid [batch, time]) -> input and output of the layers,
        `layers` + 1 arrays [batch, time, hidden_size].
      code_indices: (configuration, parameters, features) -> index [batch, time, groups] into the model's own codebook;
        None for a family that has none.
    """

    config_class: type
    read_config: Callable[[dict, dict, Collection[str]], TeacherConfig]
    prefixes: tuple[str, ...]
    ignored: re.Pattern
    parameter_path: Callable[[str], ParameterPath | None]
    parameter_layout: Callable[[ParameterPath, np.ndarray, TeacherConfig], np.ndarray]
    parameter_shapes: Callable[[TeacherConfig], dict]
    front_end: Callable[..., Float[Array, "batch steps features"]]
    hidden_states: Callable[..., list[Float[Array, "batch time dim"]]]
    code_indices: Callable[..., Int[Array, "batch time groups"]] | None


def require(published: dict, fields: dict[str, Any], file: str = "config.json") -> None:
    """Checks that a checkpoint's JSON file gives each field this value, or leaves it out.

    Raises:
      UnsupportedCheckpoint: naming the first field that differs.
    """
    for field, value in fields.items():
        if published.get(field, value) != value:
            raise UnsupportedCheckpoint(f"{file}: {field} {published[field]!r}; expected {value!r}")
