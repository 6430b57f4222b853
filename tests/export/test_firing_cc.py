"""The C++ example's firing rule is that of detect/firing.py, score for score and hop for hop."""

import shutil
import subprocess

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.detect.firing_streams import Stream, hard_streams, hour_streams

EXAMPLE = ROOT / "examples" / "microcontroller"


def stepped(stream: Stream) -> str:
    """C++ that reads the posteriors of a stream, and prints the score, exactly, and the class of each hop."""
    (hops, classes), rule = stream.posteriors.shape, stream.rule
    thresholds = ", ".join(threshold.hex() for threshold in rule.thresholds)
    refractory = ", ".join(map(str, rule.refractory))
    rearm = -1 if rule.rearm is None else rule.rearm
    return f"""
    {{ const double thresholds[] = {{{thresholds}}};
       const int refractory[] = {{{refractory}}};
       s3rl::FiringState<{classes}, {len(rule.thresholds)}, {rule.smoothing_hops}> state(
           {{thresholds, refractory, {rule.patience}, {rearm}}});
       float posteriors[{classes}];
       for (int i = 0; i < {hops} && std::fread(posteriors, sizeof(posteriors), 1, stdin) == 1; ++i) {{
         const int keyword = state.Step(posteriors);
         std::printf("%a %d\\n", state.score(), keyword);
       }} }}
    """


@pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler on this machine")
def test_the_example_fires_as_the_device_does(tmp_path):
    streams = [*hard_streams()[:24], *hour_streams()]
    source = f'#include <cstdio>\n#include "firing.h"\nint main() {{\n{"".join(map(stepped, streams))}}}\n'
    (tmp_path / "driver.cc").write_text(source)
    command = ["c++", "-std=c++17", "-O1", "-Wall", "-Werror", f"-I{EXAMPLE}", "driver.cc", "-o", "driver"]
    subprocess.run(command, cwd=tmp_path, check=True)
    given = b"".join(stream.posteriors.tobytes() for stream in streams)
    done = subprocess.run([tmp_path / "driver"], input=given, check=True, capture_output=True)
    answers = [(float.fromhex(score), int(keyword)) for score, keyword in map(str.split, done.stdout.decode().splitlines())]
    assert answers == [pair for stream in streams for pair in zip(stream.scores, stream.keywords, strict=True)]
    assert np.count_nonzero([keyword for _, keyword in answers]) > 50, "the streams fire"
