"""The page's firing rule is that of detect/firing.py, score for score and hop for hop: run in Node.js."""

import json
import shutil
import subprocess

import pytest

from s3rl_jax.demo.server import WEB
from s3rl_jax.detect.description import check_fields
from s3rl_jax.detect.firing import refractory_hops
from tests.detect.firing_streams import DEAFNESS, hard_streams, hour_streams

DRIVER = """
import {readFileSync} from 'node:fs';
const {FiringState, firingRule, refractoryHops} = await import(process.argv[2]);
const {streams, deafness, descriptions} = JSON.parse(readFileSync(0, 'utf8'));
const answers = streams.map(({posteriors, rule}) => {
  const state = new FiringState(rule);
  state.step(posteriors[0]);
  state.reset();
  return posteriors.map((hop) => state.step(hop));
});
const rules = descriptions.map(firingRule);
console.log(JSON.stringify({answers, deafness: deafness.map((d) => refractoryHops(...d)), rules}));
"""
OLD = {
    "labels": ["", "on", "off"],
    "sample_rate": 16_000,
    "window": 35_840,
    "hop": 2560,
    "threshold": {"0.5": 0.8, "10": 0.25},
    "smoothing": {"kind": "mean", "hops": 3},
    "refractory_seconds": 2.0,
}
EACH = {
    "off": {"threshold": {"0.5": 0.6, "10": 0.3}, "refractory_seconds": 0.5},
    "on": {"threshold": {"0.5": 0.7, "10": 0.4}, "refractory_seconds": 1.25},
}


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    if not shutil.which("node"):
        pytest.skip("no Node.js on this machine")
    folder = tmp_path_factory.mktemp("js")
    (folder / "firing.mjs").write_text((WEB / "firing.js").read_text())
    (folder / "driver.mjs").write_text(DRIVER)
    given = [{"posteriors": s.posteriors.tolist(), "rule": in_js(s.rule)} for s in (*hard_streams(), *hour_streams())]
    descriptions = [OLD, OLD | {"threshold": {"default": 0.5}}, OLD | {"keywords": EACH, "patience": 3, "rearm": 0.5}]
    done = subprocess.run(
        ["node", folder / "driver.mjs", folder / "firing.mjs"],
        input=json.dumps({"streams": given, "deafness": DEAFNESS, "descriptions": descriptions}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) | {"descriptions": descriptions}


def in_js(rule) -> dict:
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in rule._asdict().items()}
    return {"smoothingHops": fields.pop("smoothing_hops"), **fields}


def test_the_page_fires_as_the_device_does(answered):
    for stream, answers in zip((*hard_streams(), *hour_streams()), answered["answers"], strict=True):
        assert [answer["score"] for answer in answers] == stream.scores
        assert [answer["keyword"] or 0 for answer in answers] == stream.keywords
    assert sum(map(sum, (stream.keywords for stream in hard_streams()))) > 100, "the streams fire"
    assert answered["deafness"] == [refractory_hops(*deafness) for deafness in DEAFNESS]


def test_the_page_reads_the_rule_of_a_description_as_the_device_does(answered):
    for description, rule in zip(answered["descriptions"], answered["rules"], strict=True):
        assert rule == in_js(check_fields(description, "m.json").rule())
    assert [rule["thresholds"] for rule in answered["rules"]] == [[0.8], [0.5], [0.7, 0.6]]
    assert [rule["refractory"] for rule in answered["rules"]] == [[12], [12], [8, 3]]
