"""The page's firing rule is that of detect/firing.py, score for score and hop for hop: run in Node.js."""

import json
import shutil
import subprocess

import pytest

from s3rl_jax.demo.server import WEB
from s3rl_jax.detect.firing import refractory_hops
from tests.detect.firing_streams import DEAFNESS, hard_streams

DRIVER = """
import {readFileSync} from 'node:fs';
const {FiringState, refractoryHops} = await import(process.argv[2]);
const {streams, deafness} = JSON.parse(readFileSync(0, 'utf8'));
const answers = streams.map(({posteriors, smoothing, threshold, refractory}) => {
  const state = new FiringState(refractory, smoothing);
  state.step(posteriors[0], threshold);
  state.reset();
  return posteriors.map((hop) => state.step(hop, threshold));
});
console.log(JSON.stringify({answers, deafness: deafness.map((d) => refractoryHops(...d))}));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="no Node.js on this machine")
def test_the_page_fires_as_the_device_does(tmp_path):
    (tmp_path / "firing.mjs").write_text((WEB / "firing.js").read_text())
    (tmp_path / "driver.mjs").write_text(DRIVER)
    streams = hard_streams()
    given = [stream._asdict() | {"posteriors": stream.posteriors.tolist()} for stream in streams]
    done = subprocess.run(
        ["node", tmp_path / "driver.mjs", tmp_path / "firing.mjs"],
        input=json.dumps({"streams": given, "deafness": DEAFNESS}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout)
    for stream, answers in zip(streams, answered["answers"], strict=True):
        assert [answer["score"] for answer in answers] == stream.scores
        assert [answer["keyword"] or 0 for answer in answers] == stream.keywords
    assert answered["deafness"] == [refractory_hops(*deafness) for deafness in DEAFNESS]
    assert sum(map(sum, (stream.keywords for stream in streams))) > 100, "the streams fire"
