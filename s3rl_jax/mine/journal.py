"""The journal of a search: firings group by group, so that a search that was stopped goes on where it was."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from s3rl_jax.core.claim import differences, write_record
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError

DESCRIPTION, FIRINGS = "mining.json", "firings.jsonl"


class Firing(NamedTuple):
    """A firing, and the stretch of its recording that is kept. In the journal it is a list.

    Attributes:
      row: of the recording in the corpus.
      start: first sample of the stretch.
      stop: one past its last sample.
      score: highest smoothed score.
    """

    row: int
    start: int
    stop: int
    score: float


class Journal:
    """Firings of the groups of recordings that are scored already, one line a group in FOLDER/firings.jsonl.

    Args:
      folder: of the search; begun if it is new.
      description: detector, corpus, split and threshold of the search.

    Raises:
      UserError: if the folder belongs to another search.
    """

    def __init__(self, folder: Path, description: dict[str, Any]):
        if differences(folder / DESCRIPTION, description):
            raise UserError(f"--out={folder}: begun by another detector, corpus or threshold; name another folder or remove it")
        write_record(folder / DESCRIPTION, description)
        self._path = folder / FIRINGS
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True) if self._path.is_file() else []
        complete = [line for line in lines if line.endswith("\n")]  # a kill may have cut off the last one
        with durably(self._path) as file:
            file.writelines(complete)
        entries = map(json.loads, complete)
        self._firings = {entry["group"]: [Firing(*firing) for firing in entry["firings"]] for entry in entries}

    def __contains__(self, group: int) -> bool:
        return group in self._firings

    def add(self, group: int, firings: list[Firing]) -> None:
        """Appends the firings of a group."""
        self._firings[group] = firings
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"group": group, "firings": firings}) + "\n")

    def firings(self) -> list[Firing]:
        """All firings, the highest score first."""
        firings = [firing for group in sorted(self._firings) for firing in self._firings[group]]
        return sorted(firings, key=lambda firing: -firing.score)
