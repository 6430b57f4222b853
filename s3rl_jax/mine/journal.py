"""The journal of a search: the firings of each group of recordings, so that an interrupted search continues."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from s3rl_jax.core.claim import differences, write_record
from s3rl_jax.core.durable import durably, errors_naming, json_lines
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER

DESCRIPTION, FIRINGS = "mining.json", "firings.jsonl"


class Firing(NamedTuple):
    """A firing, and the stretch of its recording that is kept. The journal holds it as a list.

    Attributes:
      row: row of the recording in the corpus.
      start: first sample of the stretch.
      stop: one past the last sample of the stretch.
      score: highest smoothed score.
    """

    row: int
    start: int
    stop: int
    score: float


class Journal:
    """Firings of the groups of recordings that are already scored, a line for each group in FOLDER/firings.jsonl.

    Groups whose line is cut off or damaged are scored again. If the description of the search cannot be read, all are.

    Args:
      folder: folder of the search; a new one is created.
      description: detector, corpus, split and threshold of the search, and the number of groups.

    Raises:
      UserError: if the folder belongs to another search.
      OSError: if it cannot be written.
    """

    def __init__(self, folder: Path, description: Mapping[str, Any]):
        self._path = folder / FIRINGS
        lines = json_lines(self._path)
        same = _is_same_search(folder, lines, description)
        write_record(folder / DESCRIPTION, description)
        self._firings = dict(_entries(lines, description["groups"])) if same else {}
        with durably(self._path) as file:
            file.writelines(_line(group, firings) for group, firings in self._firings.items())

    def __contains__(self, group: int) -> bool:
        return group in self._firings

    def add(self, group: int, firings: list[Firing]) -> None:
        """Appends the firings of a group."""
        self._firings[group] = firings
        with errors_naming(self._path), open(self._path, "a", encoding="utf-8") as file:
            file.write(_line(group, firings))

    def firings(self) -> list[Firing]:
        """All firings, by descending score."""
        firings = [firing for group in sorted(self._firings) for firing in self._firings[group]]
        return sorted(firings, key=lambda firing: -firing.score)


def _is_same_search(folder: Path, lines: list[Any], description: Mapping[str, Any]) -> bool:
    """Whether the journal belongs to the search; False if its description cannot be read.

    Raises:
      UserError: if it belongs to another search.
    """
    path = folder / DESCRIPTION
    if not path.is_file():  # earlier versions kept the description in the first line of the journal
        recorded = lines[0] if lines else None
        is_other = isinstance(recorded, dict) and "model" in recorded and recorded != description
        is_same = recorded == description
    else:
        try:
            is_other = bool(differences(path, description))
        except UserError:
            LOGGER.warning(f"{path} cannot be read; all recordings are scored again")
            return False
        is_same = not is_other
    if is_other:
        raise UserError(f"--out={folder}: begun by another detector, corpus or threshold; name another folder or remove it")
    return is_same


def _entries(lines: list[Any], groups: int) -> Iterator[tuple[int, list[Firing]]]:
    for line in lines:
        try:
            group, firings = line["group"], [Firing(*firing) for firing in line["firings"]]
        except (TypeError, KeyError):
            continue
        if type(group) is int and 0 <= group < groups and all(map(_is_firing, firings)):
            yield group, firings


def _is_firing(firing: Firing) -> bool:
    row, start, stop, score = firing
    return type(row) is type(start) is type(stop) is int and type(score) is float and row >= 0 and 0 <= start < stop


def _line(group: int, firings: list[Firing]) -> str:
    return json.dumps({"group": group, "firings": firings}) + "\n"
