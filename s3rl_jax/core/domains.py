"""Domains: sets of valid values of a configuration's field or of a flag, each with a description.

Values are checked before a command reads anything. No domain contains NaN or infinity.
"""

import abc
import math
from dataclasses import dataclass
from typing import Any

MOST = 2**53  # above it, not every whole number is a float


class Domain(abc.ABC):
    """A set of values; `str(domain)` completes the sentence "expected ..."."""

    @abc.abstractmethod
    def __contains__(self, value: Any) -> bool: ...


@dataclass(frozen=True)
class Whole(Domain):
    """Whole numbers from `low` to `high`."""

    low: int
    high: int = MOST

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"a whole number, {_interval(self.low, self.high)}"


@dataclass(frozen=True)
class Number(Domain):
    """Finite numbers from `low` to `high`. `above` excludes `low` itself, `below` excludes `high`, `zero` adds 0."""

    low: int | float = -math.inf
    high: int | float = math.inf
    above: bool = False
    below: bool = False
    zero: bool = False

    def __contains__(self, value: Any) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            return False
        if self.zero and value == 0:
            return True
        return (self.low < value if self.above else self.low <= value) and (
            value < self.high if self.below else value <= self.high
        )

    def __str__(self) -> str:
        if self.above:
            return f"a number above {self.low:g}" + (f", at most {self.high:g}" if self.high < math.inf else "")
        if self.below:
            return f"a number from {self.low:g} to below {self.high:g}"
        return f"a number, {_interval(self.low, self.high)}" + (", or 0" if self.zero else "")


@dataclass(frozen=True)
class Ascending(Domain):
    """Pairs (low, high) of numbers of a domain, with low <= high."""

    each: Number

    def __contains__(self, value: Any) -> bool:
        return (
            isinstance(value, tuple | list) and len(value) == 2 and all(v in self.each for v in value) and value[0] <= value[1]
        )

    def __str__(self) -> str:
        return f"a range (low, high), low no more than high, each {self.each}"


@dataclass(frozen=True)
class Several(Domain):
    """Tuples of values of a domain; with `different`, not empty and without repetitions."""

    each: Domain
    different: bool = False

    def __contains__(self, value: Any) -> bool:
        if not isinstance(value, tuple | list) or not all(v in self.each for v in value):
            return False
        return not self.different or (len(value) > 0 and len(set(value)) == len(value))

    def __str__(self) -> str:
        return f"{'a tuple, all different' if self.different else 'a tuple, perhaps empty'}, each {self.each}"


@dataclass(frozen=True)
class OneOf(Domain):
    """The given texts; with `listed`, also several of them, comma-separated."""

    texts: tuple[str, ...]
    listed: bool = False

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, str) and all(part in self.texts for part in (value.split(",") if self.listed else [value]))

    def __str__(self) -> str:
        names = [text or "nothing" for text in self.texts]
        one = f"{', '.join(names[:-1])} or {names[-1]}"
        return f"{one}, or several, comma-separated" if self.listed else one


@dataclass(frozen=True)
class Text(Domain):
    """Any text on one line; with `filled`, not empty."""

    filled: bool = False

    def __contains__(self, value: Any) -> bool:
        return (
            isinstance(value, str)
            and not any(character < " " for character in value)
            and not (self.filled and not value.strip())
        )

    def __str__(self) -> str:
        return "a text, not empty" if self.filled else "a text, perhaps empty"


@dataclass(frozen=True)
class Switch(Domain):
    """True and False."""

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "True or False"


@dataclass(frozen=True)
class Dictionary(Domain):
    """Dictionaries, and None."""

    description: str

    def __contains__(self, value: Any) -> bool:
        return value is None or isinstance(value, dict)

    def __str__(self) -> str:
        return self.description


def _interval(low: int | float, high: int | float) -> str:
    if low == -math.inf and high == math.inf:
        return "finite"
    if high >= MOST:
        return f"{low:g} or more"
    return f"{low:g} to {high:g}"
