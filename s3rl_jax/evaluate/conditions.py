"""The conditions in which a detector is measured: their names, and functions that create their streams with fixed seeds."""

import itertools
import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.evaluate.degradations import NOISE, reverberant, through_codec, with_noise
from s3rl_jax.evaluate.programmes import VOICES, babble, cast_of, fitting_words, television
from s3rl_jax.evaluate.stream import PLAYBACK, SEED, Stream, build_stream

SNRS = (20.0, 10.0, 5.0, 0.0)  # dB
CLEAN, REVERBERANT, CODEC, TELEVISION, BABBLE = "clean", "reverberant", "codec", "television", "babble"


class Conditions(NamedTuple):
    """The conditions of a split.

    Attributes:
      streams: for each name, a function that creates the stream.
      unavailable: for each name, the reason why the split cannot provide the condition.
    """

    streams: dict[str, Callable[[], Stream]]
    unavailable: dict[str, str]


def open_conditions(clips: Clips, keywords: tuple[str, ...], names: tuple[str, ...] = (), by_noise: bool = False) -> Conditions:
    """Lists the conditions that a split can provide.

    Args:
      clips: recordings of the split.
      keywords: the keywords in lower case.
      names: conditions to list; empty: all.
      by_noise: whether each kind of noise also is a condition by itself, such as snr_10:rain.

    Raises:
      UserError: for a condition that does not exist, or if the split cannot provide the clean stream.
    """
    every = _all_conditions(clips, keywords, by_noise)
    if unknown := set(names) - set(every.streams) - set(every.unavailable):
        listed = ", ".join([*every.streams, *every.unavailable])
        raise UserError(f"--conditions: {', '.join(sorted(unknown))}: expected some of {listed}")
    if not names:
        return every
    return Conditions(
        {name: make for name, make in every.streams.items() if name in names or name.split(":")[0] in names},
        {name: reason for name, reason in every.unavailable.items() if name in names},
    )


def noise_names(labels: Collection[str]) -> dict[str, str]:
    """A unique name for each label of noise, of lower-case letters, digits and underscores (of any script)."""
    names: dict[str, str] = {}
    for label in sorted(labels):
        name = re.sub(r"\W+", "_", label.lower()).strip("_") or NOISE
        numbers = itertools.count(2)
        unique = name
        while unique in names.values():
            unique = f"{name}_{next(numbers)}"
        names[label] = unique
    return names


def _all_conditions(clips: Clips, keywords: tuple[str, ...], by_noise: bool) -> Conditions:
    columns = clips.columns
    clean = build_stream(clips, keywords)
    streams: dict[str, Callable[[], Stream]] = {CLEAN: lambda: clean}
    unavailable: dict[str, str] = {}
    kinds = noise_names({str(label) or NOISE for label in columns["label"][columns["kind"] == "noise"]})
    for snr in SNRS:
        if not kinds:
            unavailable[f"snr_{snr:g}"] = "no noise recordings in the split"
            continue
        streams[f"snr_{snr:g}"] = lambda snr=snr: with_noise(clean, clips, snr, SEED)
        for kind, name in kinds.items() if by_noise else ():
            streams[f"snr_{snr:g}:{name}"] = lambda snr=snr, kind=kind: with_noise(clean, clips, snr, SEED, kind)
    if (columns["kind"] == "impulse_response").any():
        streams[REVERBERANT] = lambda: reverberant(clean, clips, SEED)
    else:
        unavailable[REVERBERANT] = "no impulse responses in the split"
    try:
        played = build_stream(clips, keywords, playback=True)
        streams[PLAYBACK] = lambda: played
    except UserError:
        unavailable[PLAYBACK] = "too few recordings whose condition is playback in the split"
    streams[CODEC] = lambda: through_codec(clean)
    cast = cast_of(clips, keywords)
    if not len(cast.music):
        unavailable[TELEVISION] = "no noise recordings in the split"
    for name, make, voices in ((TELEVISION, television, 1), (BABBLE, babble, VOICES)):
        if fitting_words(clips, cast, voices) and name not in unavailable:
            streams[name] = lambda make=make: make(clips, keywords, SEED)
        else:
            unavailable.setdefault(name, "too little speech without the keyword in the split")
    return Conditions(streams, unavailable)
