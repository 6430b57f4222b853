"""The folder of a report: files are written to a temporary folder and moved together, so that a report is never partial."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from s3rl_jax.core.durable import errors_naming
from s3rl_jax.evaluate.report.tables import DET, SCORES, WORDS

CONFUSION, PREDICTIONS, METRICS, PAGE = "confusion.csv", "predictions.csv", "metrics.json", "index.html"
# In the order in which they are moved: the page is the last, and is removed first, so that a report with a page is whole.
FILES = (SCORES, WORDS, DET, CONFUSION, PREDICTIONS, METRICS, PAGE)
PAGE_END = "</html>"
UNFINISHED = ".unfinished-"


@contextlib.contextmanager
def new_report(folder: Path) -> Iterator[Path]:
    """Creates a temporary folder for the files of a report. At the end they replace those in `folder`; other files stay.

    If the block inside fails, an older report in `folder` stays as it was.

    Raises:
      OSError: naming a file, if something cannot be written.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"{UNFINISHED}*"):  # a killed process leaves one
        shutil.rmtree(leftover, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
    try:
        with errors_naming(folder):
            yield aside
            _replace(folder, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()  # fails if it has files, which is right


def read_metrics(folder: Path) -> dict | None:
    """Reads metrics.json of a report; None if there is no whole report."""
    try:
        page = (folder / PAGE).read_text(encoding="utf-8")
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    tables = (CONFUSION,) if metrics.get("task") == "classification" else (SCORES, WORDS, DET)
    is_whole = page.rstrip().endswith(PAGE_END) and all((folder / name).is_file() for name in tables)
    return metrics if is_whole else None


def _replace(folder: Path, aside: Path) -> None:
    for name in FILES:
        if (aside / name).exists():
            _sync(aside / name)
    for name in reversed(FILES):
        (folder / name).unlink(missing_ok=True)
    for name in FILES:
        if (aside / name).exists():
            (aside / name).replace(folder / name)


def _sync(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
