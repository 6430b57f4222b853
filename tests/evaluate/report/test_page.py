"""The report as a browser shows it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from s3rl_jax.evaluate.evaluation import evaluate
from s3rl_jax.evaluate.report import page as report
from s3rl_jax.evaluate.report.worst_clips import Cut
from s3rl_jax.evaluate.stream import Part
from tests.conftest import TOY_FINETUNE, run_module

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def compared(chain, tmp_path_factory):
    """A report beside a baseline: a detector that has hardly begun to learn."""
    root = tmp_path_factory.mktemp("compared")
    weak = [argument for argument in TOY_FINETUNE if "steps" not in argument]
    arguments = (*weak, "--config.steps=5", "--config.student.size=toy", f"--config.data.corpus={chain['corpus']}")
    done = run_module("train", *arguments, f"--workdir={root}/weak")
    assert done.returncode == 0, done.stderr
    measured = evaluate(
        chain["detector"], chain["corpus"], "test", str(root / "report"), ("clean", "snr_5"), baselines=(f"{root}/weak",)
    )
    return root / "report", measured, f"{root}/weak"


def test_relative_to_the_baseline(compared, chain):
    _, measured, weak = compared
    assert measured["relative_far"]["baseline"] == weak
    assert set(measured["relative_far"]) == {"baseline", "clean", "snr_5"}
    for name in ("clean", "snr_5"):
        ratio, interval = measured["relative_far"][name], measured["relative_far_interval_95"][name]
        assert ratio is None or interval[0] <= ratio
    itself = evaluate(
        chain["detector"],
        chain["corpus"],
        "test",
        str(compared[0].parent / "itself"),
        ("snr_0",),
        baselines=(chain["detector"],),
    )
    assert itself["relative_far"]["snr_0"] in (1.0, None)


@pytest.mark.skipif(not CHROMIUM, reason="needs chromium")
def test_it_renders_and_the_threshold_can_be_chosen(compared):
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    folder, measured, _ = compared
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if not request.url.startswith(("file:", "data:")) else None)
        page.goto(Path(folder / "index.html").as_uri())
        assert page.text_content("h1") == "alexa"
        assert page.locator("svg").count() == 4
        assert all(box["width"] > 100 for box in (svg.bounding_box() for svg in page.locator("svg").all()))

        def shown():
            cells = [row.locator("td").all_text_contents() for row in page.locator("#chosen tr").all()]
            return {row[0]: (float(row[1].split()[0]), float(row[3])) for row in cells}

        clean = measured["conditions"]["clean"]
        missed, accepts = shown()["clean"]
        assert missed == pytest.approx(100 * clean["frr_at_fa_per_hour"]["10"], abs=0.06)
        page.locator("#threshold").evaluate(
            "slider => { slider.value = slider.max; slider.dispatchEvent(new Event('input')); }"
        )
        higher = shown()["clean"]
        assert higher[0] >= missed
        assert higher[1] <= accepts
        page.locator("#threshold").evaluate("slider => { slider.value = 0; slider.dispatchEvent(new Event('input')); }")
        assert shown()["clean"][0] == 0
        for sound in page.locator("audio").all():
            seconds = sound.evaluate("a => new Promise(r => { a.onloadedmetadata = () => r(a.duration); a.load(); })")
            assert 0.3 < seconds < 4.1
        assert page.locator("audio").count() == page.locator(".cuts img").count()
        browser.close()
    assert said == []


def test_names_are_text():
    evil = "<script>alert(1)</script>"
    cut = Cut("clean", True, Part(evil, "speech", evil, evil, True, 0, 10, 0, 10), 0.1, 0.0, np.ones(8000, np.int16))
    for html in (report._cut(cut), report._missed("speaker", {"clean": {evil: {"words": 1, "missed": 1}}}, 5)):
        assert evil not in html
        assert "&lt;script&gt;" in html
