"""The page's resampling, in Node.js, beside soxr."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import soxr

from s3rl_jax.demo.server import WEB

DRIVER = """
import {readFileSync} from 'node:fs';
const {Resampler} = await import(process.argv[2]);
const {rate, samples} = JSON.parse(readFileSync(0, 'utf8'));
const resampler = new Resampler(rate, 16000), output = [];
for (let i = 0; i < samples.length; i += 128) output.push(...resampler.process(Float32Array.from(samples.slice(i, i + 128))));
console.log(JSON.stringify(output));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="no Node.js on this machine")
@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000, 96_000])
def test_it_resamples_as_soxr_does(tmp_path, rng, rate):
    (tmp_path / "resampler.mjs").write_text((WEB / "resampler.js").read_text())
    (tmp_path / "driver.mjs").write_text(DRIVER)
    # Speech's band, which both pass, and a tone above the new Nyquist frequency, which both stop.
    time = np.arange(rate) / rate
    samples = 0.3 * np.sin(2 * np.pi * 300 * time) + 0.2 * np.sin(2 * np.pi * 0.35 * min(rate, 16_000) * time)
    samples += 0.2 * np.sin(2 * np.pi * 10_000 * time) if rate > 22_050 else 0
    done = subprocess.run(
        ["node", tmp_path / "driver.mjs", tmp_path / "resampler.mjs"],
        input=json.dumps({"rate": rate, "samples": samples.tolist()}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ours, expected = np.array(json.loads(done.stdout)), soxr.resample(samples, rate, 16_000)
    assert len(expected) - 100 < len(ours) <= len(expected)
    middle = slice(500, len(ours) - 100)
    error = ours[middle] - expected[middle]
    assert np.sqrt(np.mean(error**2)) < 1e-3, "60 dB below full scale"
