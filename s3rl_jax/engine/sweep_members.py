"""Reads `config.sweep`: one configuration for several runs, the members of a sweep, which differ in a few fields."""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError, one_line


@dataclasses.dataclass(frozen=True)
class Member:
    """One run of a sweep.

    Attributes:
      name: its values of the fields that differ; also the name of its folder in WORKDIR/members.
      config: configuration of the same run without a sweep.
    """

    name: str
    config: ConfigDict


def members_of(config: ConfigDict, may_differ: tuple[str, ...]) -> tuple[Member, ...]:
    """Creates a member for each combination of the values in `config.sweep`; none without a sweep.

    {"loss.gamma": [0, 1], "seed": [0, 1, 2]} gives six members, gamma=0,seed=0 to gamma=1,seed=2. Fields that change together
    are named variants: {"rows": {"feature view": {"loss.feature_view": 1.0, "loss.dual_view": 0.0}, "dual view": {}}}.
    Members share batches, augmentation and masks, which follow `config.data.seed`; `seed` decides initial parameters and
    random numbers in the losses.

    Args:
      config: configuration of the sweep.
      may_differ: fields in which members may differ; a name that ends in a dot stands for all fields below it.

    Raises:
      UserError: for any other value of `config.sweep`, and for members of the same name.
    """
    axes = config.get("sweep")
    if axes is None:
        return ()
    if not isinstance(axes, Mapping) or not axes:
        raise UserError(f"config.sweep={axes!r}: expected a dict such as {{'loss.gamma': [0, 1], 'seed': [0, 1]}}")
    choices = [list(_choices(name, values)) for name, values in axes.items()]
    members = []
    for combination in itertools.product(*choices):
        name = ",".join(part for part, _ in combination)
        fields = {field: value for _, changes in combination for field, value in changes.items()}
        members.append(Member(name, _changed(config, fields, may_differ)))
    names = [member.name for member in members]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"config.sweep: several members are named {', '.join(repeated)}; expected different values")
    return tuple(members)


def data_seed(config: ConfigDict) -> int:
    """Seed of the order, the crops, the augmentation and the masks: `config.data.seed`, or `config.seed` if that is -1."""
    seed = config.get("data", {}).get("seed", -1)
    return config.seed if seed == -1 else seed


def _choices(axis: str, values: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the choices of one entry of `config.sweep`: a name and the values of fields."""
    if isinstance(values, Mapping) and all(isinstance(changes, Mapping) for changes in values.values()) and values:
        for name, changes in values.items():
            yield folder_name(name), dict(changes)
    elif isinstance(values, list | tuple) and values:
        for value in values:
            yield folder_name(f"{axis.rsplit('.', 1)[-1]}={value}"), {axis: value}
    else:
        raise UserError(f"config.sweep[{axis!r}]={values!r}: expected a list of values, or a dict of named variants")


def folder_name(text: str) -> str:
    """Replaces all but letters, digits and .,=+- by underscores, for the name of a member's folder."""
    return re.sub(r"[^\w.,=+-]+", "_", str(text)).strip("_.") or "_"


def _changed(config: ConfigDict, fields: dict, may_differ: tuple[str, ...]) -> ConfigDict:
    plain = config.to_dict()
    del plain["sweep"]
    changed = ConfigDict(plain)
    with changed.unlocked():
        changed.sweep = None
        changed.data.seed = data_seed(config)
    changed.lock()
    for field, value in fields.items():
        if not any(field == name or (name.endswith(".") and field.startswith(name)) for name in may_differ):
            raise UserError(f"config.sweep: {field!r} cannot differ between members; expected one of {', '.join(may_differ)}")
        try:
            changed.update_from_flattened_dict({field: float(value) if field.startswith("loss.") else value})
        except (KeyError, AttributeError) as error:
            raise UserError(f"config.sweep: config.{field} is no field of this config") from error
        except (TypeError, ValueError) as error:
            raise UserError(f"config.sweep: config.{field}={value!r}: {one_line(error)}") from error
    return changed
