"""The page of s3rl_jax.demo in Firefox: its detections in a recording beside those of detect, and whether it listens.

    python -m benchmarks.firefox detector.tflite kitchen.wav [--firefox=/usr/bin/firefox]

Needs Firefox, marionette_driver (benchmarks/peers/requirements.txt) and LiteRT for the web (launch/web.sh). Firefox gives the
page a tone as its microphone. Prints both lists; the exit status is 1 if they differ, or if the page shows a problem.
"""

import argparse
import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from s3rl_jax.demo.server import server_of

DROP = """
const [data, name] = arguments, files = new DataTransfer();
files.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, {type: 'audio/wav'}));
document.getElementById('drop').dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true}));
"""
DETECTIONS = "return [...document.querySelectorAll('#detections li')].map((item) => item.textContent).reverse()"
SECONDS_OF_LISTENING, SECONDS_OF_WAITING = 10, 120
PREFERENCES = {"media.navigator.streams.fake": True, "media.navigator.permission.disabled": True, "media.autoplay.default": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description="The page of s3rl_jax.demo in Firefox.")
    parser.add_argument("model", help="a streaming .tflite file")
    parser.add_argument("recording", type=Path, help="a WAV with the keyword")
    parser.add_argument("--firefox", default=shutil.which("firefox-esr") or shutil.which("firefox"))
    arguments = parser.parse_args()
    if not arguments.firefox:
        parser.error("--firefox: no firefox on the PATH; expected its program")
    done = subprocess.run(
        [sys.executable, "-m", "s3rl_jax.detect", arguments.model, str(arguments.recording)], capture_output=True, check=True
    )
    expected = [f"{d['keyword']} at {d['time']:.2f}" for d in map(json.loads, done.stdout.splitlines())]
    shown, problem, version = in_firefox(arguments.firefox, arguments.model, arguments.recording)
    print(json.dumps({"firefox": version, "detect": expected, "page": shown, "problem": problem}, indent=1))
    sys.exit(bool(problem) or shown != expected or not expected)


def in_firefox(firefox: str, model: str, recording: Path) -> tuple[list[str], str, str]:
    """Detections that the page shows for a recording, what it shows as a problem afterwards, and Firefox's version."""
    from marionette_driver import Wait
    from marionette_driver.marionette import Marionette

    server = server_of(model, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with contextlib.closing(server.socket):
        browser = Marionette(bin=str(Path(firefox).resolve()), headless=True, prefs=PREFERENCES, gecko_log=os.devnull)
        browser.start_session()
        browser.navigate(f"http://localhost:{server.server_address[1]}/")
        run, wait = browser.execute_script, Wait(browser, timeout=SECONDS_OF_WAITING)
        wait.until(lambda _: not run("return document.getElementById('listen').disabled"))
        run(DROP, script_args=[base64.b64encode(recording.read_bytes()).decode(), recording.name])
        wait.until(lambda _: run("return document.getElementById('state').textContent").endswith("done"))
        shown = [line.split(" s,")[0] for line in run(DETECTIONS)]
        run("document.getElementById('listen').click()")
        time.sleep(SECONDS_OF_LISTENING)
        state, problem = (run(f"return document.getElementById('{name}').textContent") for name in ("state", "problem"))
        version = browser.session_capabilities["browserVersion"]
        browser.quit()
        server.shutdown()
    return shown, problem or ("" if state == "listening" else f"it does not listen: {state}"), version


if __name__ == "__main__":
    main()
