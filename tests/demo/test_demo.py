"""The page in a real browser: headless Chromium, its microphone a recording that the test makes."""

import http.client
import shutil
import threading

import numpy as np
import pytest
import soundfile

from s3rl_jax.core.errors import UserError
from s3rl_jax.demo.server import LITERT, files_of, server_of
from tests.conftest import run_module, tone_word

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)
in_a_browser = pytest.mark.skipif(
    not CHROMIUM or not LITERT.is_dir(), reason="needs chromium, and LiteRT for the web (launch/web.sh)"
)


def is_error(message) -> bool:
    """LiteRT writes what its C++ logs to standard error, which a page's console shows as errors."""
    return message.type == "error" and not message.text.startswith(("INFO:", "WARNING:"))


@pytest.fixture
def served(chain):
    server = server_of(chain["stream.tflite"], 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def recording(tmp_path):
    """Ten seconds of other words, the keyword at 4 s."""
    rng = np.random.default_rng(3)
    audio = 0.003 * rng.standard_normal(10 * 16_000)
    for second, word in ((1, "banana"), (4, "alexa"), (8, "banana")):
        audio[second * 16_000 :][:9600] += tone_word(rng, word)
    soundfile.write(tmp_path / "kitchen <b>.wav", audio, 16_000, subtype="PCM_16")
    return tmp_path / "kitchen <b>.wav"


@pytest.fixture
def page(served, recording):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={recording}"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page()
        page.errors = []
        page.on("console", lambda message: page.errors.append(message.text) if is_error(message) else None)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(f"http://localhost:{served}/")
        page.wait_for_selector("#listen:not([disabled])", timeout=60_000)
        yield page
        browser.close()


@in_a_browser
def test_it_hears_the_keyword_in_the_microphone(page):
    page.click("#listen")
    page.wait_for_selector("#detections li", timeout=60_000)
    assert page.text_content("#detections li").startswith("alexa at ")
    assert "microphone" in page.text_content("#detections li")
    assert page.text_content("#problem") == ""
    assert page.errors == []


# As Firefox does: a microphone is not connected to a context of another rate than its own.
REFUSE_OTHER_RATES = """
const connect = AudioContext.prototype.createMediaStreamSource;
AudioContext.prototype.createMediaStreamSource = function(media) {
  if (this.sampleRate === 16000) throw new DOMException('different sample-rate', 'NotSupportedError');
  window.microphoneRate = this.sampleRate;
  return connect.call(this, media);
};
"""


@in_a_browser
def test_a_microphone_at_its_own_rate_is_resampled(page):
    page.evaluate(f"() => {{ {REFUSE_OTHER_RATES} }}")
    page.click("#listen")
    page.wait_for_selector("#detections li", timeout=60_000)
    assert page.evaluate("window.microphoneRate") in (44_100, 48_000)
    assert page.text_content("#detections li").startswith("alexa at ")
    assert page.text_content("#problem") == ""


@in_a_browser
def test_a_dropped_recording_gives_what_detect_gives(page, chain, recording):
    import base64
    import json

    data = base64.b64encode(recording.read_bytes()).decode()
    page.evaluate(
        """([data, name]) => {
          const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), files = new DataTransfer();
          files.items.add(new File([bytes], name, {type: 'audio/wav'}));
          document.getElementById('drop').dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true}));
        }""",
        [data, recording.name],
    )
    page.wait_for_function("document.getElementById('state').textContent.endsWith('done')", timeout=60_000)
    shown = [item.text_content() for item in page.query_selector_all("#detections li")][::-1]
    done = run_module("detect", chain["stream.tflite"], str(recording))
    detections = [json.loads(line) for line in done.stdout.splitlines()]
    assert detections
    assert [line.split(" s,")[0] for line in shown] == [f"{d['keyword']} at {d['time']:.2f}" for d in detections]
    assert all(recording.name in line for line in shown), "a name is text, not markup"
    assert page.errors == []


def get(port, path, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}"})
    return connection.getresponse().status


@pytest.mark.skipif(not LITERT.is_dir(), reason="needs LiteRT for the web (launch/web.sh)")
def test_nothing_else_is_served_and_to_nobody_else(served):
    assert get(served, "/") == 200
    for path in ("/../../setup.cfg", "/litert/../page.py", "/etc/passwd", "/litert/core/%2e%2e/version"):
        assert get(served, path) == 404, path
    assert get(served, "/", host="evil.example:80") == 404


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_an_impossible_port_is_named(port):
    with pytest.raises(UserError, match=f"--port={port}: expected 0 to 65535"):
        server_of("m.tflite", port)


def test_what_cannot_be_shown_is_named(chain, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"no\.tflite: no such file"):
        files_of(str(tmp_path / "no.tflite"))
    with pytest.raises(UserError, match="--streaming"):
        files_of(chain["model.tflite"])
    monkeypatch.setattr("s3rl_jax.demo.server.LITERT", tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"launch/web\.sh"):
        files_of(chain["stream.tflite"])
