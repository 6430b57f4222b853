"""A teacher family: one architecture of published models, as the functions that the rest of the package calls."""

import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float, Int

ParameterPath = tuple[str, ...]


class UnsupportedCheckpoint(Exception):
    """A checkpoint that this package cannot run; the message names the field or tensor, and what is expected."""


@runtime_checkable
class TeacherConfig(Protocol):
    """Sizes of a teacher, a frozen dataclass. The shapes of all parameters follow from it.

    Attributes:
      hidden_size: width of each layer's output.
      layers: number of transformer layers.
      quantizer: whether the model contains a codebook.
    """

    hidden_size: int
    layers: int
    quantizer: bool

    def frame_count(self, samples: Any) -> Any:
        """Number of frames, 20 ms apart, that `samples` samples give; for an integer or an array of integers."""

    def frame_centre(self) -> float:
        """Middle of the samples that frame 0 is computed from, before attention mixes frames; in samples, from 0."""


class Family(NamedTuple):
    """One architecture. To add one, write a file with these functions, and add a line to `registry.FAMILIES`.

    Attributes:
      config_class: class of the family's configurations.
      read_config: (config.json, preprocessor_config.json, names of all tensors) -> configuration; raises
        `UnsupportedCheckpoint` for a variant that is not implemented.
      prefixes: prefixes of the encoder's tensor names in checkpoints of models with a head.
      ignored: pattern of the names of tensors that are no part of a teacher.
      parameter_path: name of a tensor, without prefix -> its path in our parameters; None if it has none.
      parameter_layout: (path, tensor, configuration) -> the tensor in the layout of our parameters; raises `ValueError` for
        a tensor of another size.
      parameter_shapes: configuration -> shapes of all parameters.
      front_end: (configuration, parameters, audio [batch, samples] in [-1, 1], length [batch], time) -> features of
        `time` frames.
      hidden_states: (configuration, parameters, features, valid [batch, time]) -> the input of the first layer and the
        output of each layer, `layers` + 1 arrays [batch, time, hidden_size].
      code_indices: (configuration, parameters, features) -> index [batch, time, groups] into the model's codebook; None for
        a family without codebooks.
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
    """Checks that each of `fields` has the given value in a checkpoint's JSON file, or is absent.

    Args:
      published: content of the JSON file.
      fields: the values that are expected.
      file: name of the JSON file, for the message.

    Raises:
      UnsupportedCheckpoint: if a field differs; names the first one.
    """
    for field, value in fields.items():
        if published.get(field, value) != value:
            raise UnsupportedCheckpoint(f"{file}: {field} {published[field]!r}; expected {value!r}")
