import csv
import json
import re
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from s3rl_jax.detect.firing import PATIENCE, lowest, smooth
from tests.conftest import run_module


@pytest.fixture(scope="module")
def report(chain):
    return Path(chain["report"])


def test_metrics_have_the_promised_form(report):
    measured = json.loads((report / "metrics.json").read_text())
    assert measured["keyword"] == "alexa"
    assert measured["positives"] == 6
    assert measured["step"] == 150, "the checkpoint that was measured"
    assert set(measured["not_measured"]) == {"reverberant", "playback", "babble"}
    assert measured["negative_hours"] > 0
    assert set(measured["conditions"]) == {"clean", "snr_20", "snr_10", "snr_5", "snr_0", "codec", "television"}
    for result in measured["conditions"].values():
        for table in ("frr_at_fa_per_hour", "frr_interval_95", "threshold"):
            assert set(result[table]) == {"0.1", "0.5", "1", "10"}
        for rate, frr in result["frr_at_fa_per_hour"].items():
            low, high = result["frr_interval_95"][rate]
            assert 0 <= low <= frr <= high <= 1
    assert measured["conditions"]["clean"]["too_few_hours_for"] == ["0.1", "0.5", "1", "10"], "a minute shows no rate"


def test_the_toy_detector_has_learned_its_chirp(report):
    clean = json.loads((report / "metrics.json").read_text())["conditions"]["clean"]
    assert clean["auc"] > 0.9


def test_the_figures_follow_from_the_scores_and_the_words(report):
    scores = {"clean": []}
    for row in csv.DictReader((report / "scores.csv").read_text().splitlines()):
        scores.setdefault(row["file"], []).append(float(row["posterior"]))
    hop = 0.16
    held = lowest(smooth(np.array(scores["clean"])), PATIENCE)
    threshold = json.loads((report / "metrics.json").read_text())["conditions"]["clean"]["threshold"]["10"]
    missed = 0
    words = [row for row in csv.DictReader((report / "words.csv").read_text().splitlines()) if row["file"] == "clean"]
    for row in words:
        first, last = int(float(row["start"]) / hop), int(np.ceil((float(row["end"]) + 1) / hop))
        missed += held[first:last].max() < threshold - 1e-6
    frr = json.loads((report / "metrics.json").read_text())["conditions"]["clean"]["frr_at_fa_per_hour"]["10"]
    assert missed / len(words) == pytest.approx(frr, abs=1e-4)


def test_det_falls_and_rises(report):
    rows = [row for row in csv.DictReader((report / "det.csv").read_text().splitlines()) if row["condition"] == "clean"]
    rejects = [float(row["false_reject_rate"]) for row in rows]
    assert rejects == sorted(rejects)
    assert float(rows[0]["false_accepts_per_hour"]) >= float(rows[-1]["false_accepts_per_hour"])


def test_the_page_is_self_contained(report):
    page = (report / "index.html").read_text()
    assert page.count("<svg") == 4, "trade-off, conditions, training, the teacher's layers"
    outside = [url for url in re.findall(r"""(?:src|href)=["']?([^"' >]+)""", page) if not url.startswith(("#", "data:"))]
    assert not outside
    assert "alexa" in page


def test_a_full_disk_leaves_the_report_that_was_there(chain, report, tmp_path):
    """By a limit on the size of files, which any user can set; a full disk is the same to a program."""
    shutil.copytree(report, tmp_path / "report")
    before = {path.name: path.read_bytes() for path in report.iterdir()}
    limit = max(len((report / name).read_bytes()) for name in ("scores.csv", "det.csv", "words.csv")) + 1
    assert limit < len(before["index.html"]), "only the page is too large"
    arguments = (f"--workdir={chain['detector']}", f"--corpus={chain['corpus']}", f"--out={tmp_path}/report")
    done = run_module("evaluate", *arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == f"error: {tmp_path}/report: File too large"
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()} == before


def test_an_output_that_cannot_be_written_is_named_before_anything_is_scored(chain, tmp_path):
    (tmp_path / "file").write_text("in the way")
    arguments = (f"--workdir={chain['detector']}", f"--corpus={chain['corpus']}", f"--out={tmp_path}/file/report")
    done = run_module("evaluate", *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: {tmp_path}/file/report: Not a directory"
    assert "scored" not in done.stderr
