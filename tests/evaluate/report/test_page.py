"""The report as a browser shows it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.evaluate.condition_metrics import condition_metrics
from s3rl_jax.evaluate.curves import det_curve
from s3rl_jax.evaluate.evaluation import evaluate
from s3rl_jax.evaluate.relative_false_accepts import RelativeFalseAccepts
from s3rl_jax.evaluate.report.model_card import LabelCount, ModelCard
from s3rl_jax.evaluate.report.page import classification_page, report_page
from s3rl_jax.evaluate.report.worst_clips import worst_clips
from s3rl_jax.evaluate.results import ConditionResult
from s3rl_jax.evaluate.scored_detector import of_file, of_run
from s3rl_jax.evaluate.stream import PlacedClip, Stream, build_stream
from s3rl_jax.evaluate.trial import Trial
from s3rl_jax.runs.detector import open_detector
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
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on(
            "request", lambda request: messages.append(request.url) if not request.url.startswith(("file:", "data:")) else None
        )
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
        assert page.locator("audio").count() == page.locator(".worst img").count()
        browser.close()
    assert messages == []


EVIL = "<script>alert(1)</script>"


def test_an_exported_file_is_a_baseline(chain, tmp_path):
    """The streaming float file of the detector itself: as good as the detector."""
    arguments = (chain["detector"], chain["corpus"], "test", str(tmp_path / "report"), ("snr_0",))
    measured = evaluate(*arguments, baselines=(chain["stream.tflite"],))
    assert measured["relative_far"]["baseline"] == chain["stream.tflite"]
    assert measured["relative_far"]["snr_0"] is None or measured["relative_far"]["snr_0"] == pytest.approx(1.0, abs=0.05)
    with pytest.raises(UserError, match=r"--baseline=.*nothing\.tflite: no such file"):
        evaluate(*arguments, baselines=(str(tmp_path / "nothing.tflite"),))


def test_a_file_scores_a_stream_as_its_run_does(chain):
    stream = build_stream(read_corpus(chain["corpus"], "test"), ("alexa",))
    ours = of_run(open_detector(chain["detector"], "--workdir"))
    for name in ("stream.tflite", "model.tflite"):
        theirs = of_file(chain[name])
        assert (theirs.keywords, theirs.hop) == (ours.keywords, ours.hop)
        assert theirs.score(stream.audio).shape == ours.score(stream.audio).shape
    np.testing.assert_allclose(of_file(chain["stream.tflite"]).score(stream.audio), ours.score(stream.audio), atol=1e-4)


def test_names_are_text():
    """Every text that comes from a corpus, a config or a path is shown as text, wherever it stands."""
    scores = np.zeros(400)
    scores[[10, 200]] = 0.1, 0.9  # a missed word, a false accept
    clips = (
        PlacedClip(EVIL, "speech", EVIL, EVIL, True, 8000, 24_000, 8000, 24_000, *[EVIL] * 5),
        PlacedClip(EVIL, "speech", EVIL, EVIL, False, 160_000, 480_000, 160_000, 480_000, *[EVIL] * 5),
    )
    stream = Stream(np.ones(640_000, np.int16), clips, ((0, EVIL),))
    trial = Trial(scores, np.array([(5, 25)]), 0.1, 20)
    curve = det_curve(trial)
    metrics = condition_metrics(trial, stream, curve)
    worst = worst_clips("clean", stream, trial, 0.5)
    assert [clip.missed for clip in worst] == [True, False]
    relative = RelativeFalseAccepts(None, None)
    result = ConditionResult(metrics, scores, trial, curve, stream.words, {EVIL: curve}, relative, worst)
    report = {
        **{"keyword": EVIL, "positives": 1, "negative_hours": 0.01, "split": EVIL, "workdir": EVIL, "corpus": EVIL},
        "conditions": {"clean": metrics, f"snr_5:{EVIL}": metrics},
        "not_measured": {EVIL: EVIL},
        "synthetic_positives": 1,
        "relative_far": {"baseline": EVIL, "clean": None, f"snr_5:{EVIL}": 1.0},
        "relative_far_interval_95": {"clean": None, f"snr_5:{EVIL}": [0.5, None]},
        "relative_far_at": EVIL,
    }
    card = ModelCard([(EVIL, EVIL)], [LabelCount(EVIL, 1, 1, 0.1)], [], None)
    html = report_page(report, {"clean": result, f"snr_5:{EVIL}": result}, card)
    assert EVIL not in html
    assert html.count("&lt;script&gt;") > 20
    assert html.count("<script") == 2, "the chooser and its data"
    assert "No real recording of the keyword was there" in html
    half = report_page(report | {"positives": 2}, {"clean": result}, card)
    assert "1 of the recordings of the keyword are of synthetic voices" in half
    assert "synthetic voices" not in report_page(report | {"synthetic_positives": 0}, {"clean": result}, card)
    classes = classification_page(
        {
            **{"classes": [EVIL, "a"], "clips": 2, "accuracy": 0.5, "accuracy_interval_95": [0.1, 0.9]},
            **{"confusion_matrix": [[1, 0], [1, 0]], "split": EVIL, "workdir": EVIL},
        }
    )
    assert EVIL not in classes
