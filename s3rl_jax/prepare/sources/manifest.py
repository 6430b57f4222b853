"""The rows of a manifest.csv: which files are to be read, and what is known of each."""

import csv
import dataclasses
import difflib
import math
import re
from collections.abc import Sequence
from pathlib import Path

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.layout import ATTRIBUTES

SPLITS = ("train", "validation", "test")
TIMES = ("speech_start_s", "speech_end_s", "word_start_s", "word_end_s")
COLUMNS = ("path", "split", "kind", "label", "speaker", "seconds", "condition", "lang", "licence", *TIMES, *ATTRIBUTES)
KINDS = ("speech", "noise", "impulse_response")
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".mp4", ".aac", ".webm", ".wma", ".amr", ".3gp")


@dataclasses.dataclass(frozen=True)
class ManifestRow:
    """One recording: its file and what is known of it. Times in seconds; a negative time is unknown.

    A row with a `problem` is rejected for that reason; its file is not read.
    """

    path: Path
    split: str
    kind: str = "speech"
    label: str = ""
    speaker: str = ""
    condition: str = ""
    lang: str = ""
    licence: str = ""
    speech_start_s: float = -1.0
    speech_end_s: float = -1.0
    word_start_s: float = -1.0  # of the keyword in a longer label
    word_end_s: float = -1.0
    source: str = ""
    sex: str = ""
    age: str = ""
    accent: str = ""
    problem: str = ""


def read_manifest(path: Path) -> list[ManifestRow]:
    """Reads a manifest (docs/data.md): the columns `path` and `split`; other fields of ManifestRow are optional.

    Raises:
      UserError: naming the line and the column, for a value that is out of range.
    """
    root = path.parent.resolve()
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in ("path", "split") if column not in (reader.fieldnames or ())]
            if missing:
                raise UserError(f"{path}: no column {missing[0]!r} in the header; found {reader.fieldnames}")
            _check_columns(path, reader.fieldnames or ())
            rows = [_row(row, f"{path}, line {reader.line_num}", root) for row in reader]
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; expected a UTF-8 CSV file") from error
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file: {error}") from error
    if not rows:
        raise UserError(f"{path}: no rows; expected a recording a line")
    return rows


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    """Names the columns that are not known; one that is there twice is an error."""
    for column in columns:
        if columns.count(column) > 1:
            raise UserError(f"{path}: the column {column!r} stands twice in the header; expected it once")
        if column not in COLUMNS:
            near = difflib.get_close_matches(column.strip().lower(), COLUMNS, 1)
            LOGGER.warning(f"{path}: the column {column!r} is not used{f'; is it {near[0]!r}?' if near else ''}")


def _row(row: dict, where: str, root: Path) -> ManifestRow:
    value = {key: (text or "").strip() for key, text in row.items() if isinstance(key, str) and isinstance(text, str | None)}
    path = root / value["path"].replace("\0", "")  # a NUL ends up in the message, not in the system call
    if None in row:  # no cell can be trusted to be that of its column
        return ManifestRow(path, SPLITS[0], problem="more cells than columns; a comma in a cell needs quotes")
    problem = ""
    try:
        path = path.resolve()
    except (OSError, RuntimeError):  # RuntimeError: before Python 3.13
        problem = "a loop of links"
    if not value["path"] or "\0" in value["path"] or not path.is_relative_to(root):
        raise UserError(f"{where}: path {value['path']!r} is not inside the manifest's folder {root}")
    if value["split"] not in SPLITS:
        raise UserError(f"{where}: split {value['split']!r}; expected one of {', '.join(SPLITS)}")
    kind = value.get("kind") or "speech"
    if kind not in KINDS:
        raise UserError(f"{where}: kind {kind!r}; expected one of {', '.join(KINDS)}")
    texts = {name: value.get(name, "") for name in ("label", "speaker", "condition", "lang", "licence", *ATTRIBUTES)}
    times = {name: _seconds(value.get(name, ""), name, where) for name in TIMES}
    problem = problem or next(filter(None, (_time_problem(value, times, of) for of in ("speech", "word"))), "")
    return ManifestRow(path, value["split"], kind, **texts, **times, problem=problem)


def _seconds(text: str, name: str, where: str) -> float:
    try:
        return float(text) if text else -1.0
    except ValueError:
        raise UserError(f"{where}: {name} {text!r}; expected seconds") from None


def _time_problem(value: dict[str, str], times: dict[str, float], of: str) -> str:
    """The reason why two times cannot be meant; empty if they can."""
    names = (f"{of}_start_s", f"{of}_end_s")
    for name in names:
        # float() takes 1_0 for 10, and digits of any script.
        if not math.isfinite(times[name]) or not re.fullmatch(r"[-+.0-9eE]*", value.get(name, "")):
            return f"a time that is no number of seconds: {name} {value[name]}"
    start, end = (times[name] for name in names)
    return f"times in reverse: {names[0]} {start:g}, {names[1]} {end:g}" if 0 <= end <= start else ""
