"""The kinds of hostile input, and how often each is tried."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.attack.configs import ablation_fields, config_fields
from benchmarks.attack.flags import command_flags
from benchmarks.attack.models import model_bytes, model_json
from benchmarks.attack.process import Try
from benchmarks.attack.sounds import detected_sound, prepared_sound, standard_input
from benchmarks.attack.sources import hostile_folder, manifest, noise_rows
from benchmarks.toy import Toy


class Kind(NamedTuple):
    """A kind of hostile input.

    Attributes:
      share: of the tries.
      create: writes the files of a try into a folder.
    """

    share: float
    create: Callable[[random.Random, Path, Toy], Try]


KINDS = {
    "model, bytes": Kind(0.12, model_bytes),
    "model, .json": Kind(0.18, model_json),
    "manifest": Kind(0.14, manifest),
    "rows of noise": Kind(0.04, noise_rows),
    "folder": Kind(0.1, hostile_folder),
    "recording, prepare": Kind(0.14, prepared_sound),
    "recording, detect": Kind(0.14, detected_sound),
    "standard input": Kind(0.06, standard_input),
    "configuration": Kind(0.04, config_fields),
    "configuration of an ablation": Kind(0.01, ablation_fields),
    "flags": Kind(0.03, command_flags),
}


def kind_of(rng: random.Random) -> str:
    """Draws the name of a kind by the shares."""
    return rng.choices(list(KINDS), [kind.share for kind in KINDS.values()])[0]
