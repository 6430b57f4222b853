"""A report is there whole or not at all, at whatever moment its process dies and whoever reads it meanwhile."""

import json
from pathlib import Path

import pytest

from s3rl_jax.evaluate.report.folder import FILES, new_report, read_metrics

STREAM = ("scores.csv", "words.csv", "det.csv", "metrics.json", "index.html")
CLIPS = ("confusion.csv", "metrics.json", "index.html")


def write(folder: Path, names: tuple[str, ...], mark: str) -> None:
    task = {"task": "classification"} if names == CLIPS else {}
    for name in names:
        text = json.dumps({"mark": mark, **task}) if name == "metrics.json" else f"{mark}</html>"
        (folder / name).write_text(text)


def marks(folder: Path) -> dict[str, str]:
    """The mark in each file of a report."""
    texts = {path.name: path.read_text() for path in folder.iterdir() if path.name in FILES}
    return {name: json.loads(text)["mark"] if name == "metrics.json" else text[:3] for name, text in texts.items()}


@pytest.fixture
def report(tmp_path):
    with new_report(tmp_path / "report") as aside:
        write(aside, STREAM, "old")
    (tmp_path / "report" / "notes.txt").write_text("mine")
    return tmp_path / "report"


@pytest.mark.parametrize("names", [STREAM, CLIPS], ids=["stream", "clips"])
def test_it_replaces_the_one_before_and_leaves_other_files(report, names):
    with new_report(report) as aside:
        write(aside, names, "new")
        assert read_metrics(report)["mark"] == "old", "until all is written"
    assert marks(report) == dict.fromkeys(names, "new")
    assert sorted(path.name for path in report.iterdir()) == sorted((*names, "notes.txt"))
    assert read_metrics(report)["mark"] == "new"


@pytest.mark.parametrize("names", [STREAM, CLIPS], ids=["stream", "clips"])
def test_at_every_moment_it_is_whole_or_none(report, names, monkeypatch):
    """What a reader finds, and what a kill would leave, after each change of the folder."""
    moments = []

    def watched(method):
        def changed(path, *arguments, **keywords):
            method(path, *arguments, **keywords)
            metrics, files = read_metrics(report), marks(report)
            if metrics:
                assert set(files.values()) == {metrics["mark"]}
            if "metrics.json" in files:
                assert len(set(files.values())) == 1, "metrics beside the tables of another report"
            moments.append(metrics and metrics["mark"])

        return changed

    with new_report(report) as aside:
        write(aside, names, "new")
        for method in ("replace", "unlink"):
            monkeypatch.setattr(Path, method, watched(getattr(Path, method)))
    monkeypatch.undo()
    assert moments.count("new") == 1, "with the last file"
    assert None in moments


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError()])
def test_what_could_not_be_written_leaves_the_one_before(report, error):
    before = marks(report)

    def write_some():
        with new_report(report) as aside:
            write(aside, STREAM[:2], "new")
            raise error

    with pytest.raises(type(error)):
        write_some()
    assert marks(report) == before
    assert sorted(path.name for path in report.iterdir()) == sorted((*STREAM, "notes.txt"))


def test_what_a_killed_process_left_is_removed(report):
    killed = new_report(report)
    aside = killed.__enter__()  # never left
    write(aside, STREAM, "cut")
    assert read_metrics(report)["mark"] == "old"
    with new_report(report) as another:
        write(another, STREAM, "new")
    assert sorted(path.name for path in report.iterdir()) == sorted((*STREAM, "notes.txt"))


def test_nothing_is_left_of_a_new_folder(tmp_path):
    with pytest.raises(RuntimeError), new_report(tmp_path / "new"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", STREAM)
def test_a_report_without_one_of_its_files_is_none(report, name):
    (report / name).unlink()
    assert read_metrics(report) is None


@pytest.mark.parametrize("name", ["metrics.json", "index.html"])
@pytest.mark.parametrize("size", [0, 2], ids=["empty", "cut"])
def test_a_half_of_an_older_version_is_none(report, name, size):
    (report / name).write_text((report / name).read_text()[:size])
    assert read_metrics(report) is None
