"""One interface for the voices of all engines: text, manner -> samples."""

import abc
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

RATES = (0.8, 1.25)  # of speaking; 1 is the engine's own
PITCHES = (0.88, 1.14)


class Manner(NamedTuple):
    """The way in which a voice speaks once.

    Attributes:
      rate: of speaking; 1 is the engine's own, 2 is twice as fast.
      pitch: factor on the pitch. Engines without such a setting move the formants with it, as another speaker's are.
      liveliness: 0 monotone to 1 lively, for engines that have this.
      seed: of what the engine draws.
    """

    rate: float = 1.0
    pitch: float = 1.0
    liveliness: float = 0.5
    seed: int = 0


class Speech(NamedTuple):
    """Samples in [-1, 1] and their rate in Hz."""

    samples: Float[np.ndarray, "samples"]
    rate: int


class Voice(abc.ABC):
    """A speaker of an engine.

    Attributes:
      engine: its name, of ENGINES.
      name: for example kokoro:af_heart; of a blend kokoro:af_heart+am_adam.
      persons: who is to be heard in it. Voices that share a person must not stand in two splits.
      accents: the voices of espeak-ng whose phonemes it speaks; the first is the usual one.
      phonetic: whether it speaks phonemes in double square brackets.
      in_order: whether its samples depend on what was spoken before, so that lines have to be spoken in one order.
    """

    engine: str
    name: str
    persons: frozenset[str]
    accents: tuple[str, ...]
    phonetic: bool = True
    in_order: bool = False

    @abc.abstractmethod
    def speak(self, text: str, accent: str, manner: Manner) -> Speech:
        """Speaks a text, whatever signs it holds. May be called by several threads at once, unless `in_order`.

        Args:
          text: words, or phonemes of espeak-ng in double square brackets.
          accent: of `accents`.
          manner: the same one gives the same samples.

        Raises:
          Exception: of any kind, if the engine fails on this text.
        """

    def blend(self, other: "Voice", share: float) -> "Voice":
        """A voice between this one and `other`, of which it has `share`; this one where the engine cannot blend."""
        del other, share
        return self


def draw_manner(rng: np.random.Generator) -> Manner:
    """A rate and a pitch, uniform in their logarithms, and a liveliness."""
    rate, pitch = (math.exp(rng.uniform(*np.log(ends))) for ends in (RATES, PITCHES))
    return Manner(rate, pitch, float(rng.uniform()), int(rng.integers(1 << 31)))
