import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from s3rl_jax.detect.firing import smooth


@pytest.fixture(scope="module")
def report(chain):
    return Path(chain["report"])


def test_metrics_have_the_promised_form(report):
    measured = json.loads((report / "metrics.json").read_text())
    assert measured["keyword"] == "alexa"
    assert measured["positives"] == 6
    assert set(measured["not_measured"]) == {"reverberant", "playback"}
    assert measured["negative_hours"] > 0
    assert set(measured["conditions"]) == {"clean", "snr_20", "snr_10", "snr_5", "snr_0", "codec"}
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
    smoothed = smooth(np.array(scores["clean"]))
    threshold = json.loads((report / "metrics.json").read_text())["conditions"]["clean"]["threshold"]["10"]
    missed = 0
    words = [row for row in csv.DictReader((report / "words.csv").read_text().splitlines()) if row["file"] == "clean"]
    for row in words:
        first, last = int(float(row["start"]) / hop), int(np.ceil((float(row["end"]) + 1) / hop))
        missed += smoothed[first:last].max() < threshold - 1e-6
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
