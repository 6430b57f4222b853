"""Synthesisers that are programs: by stand-ins that answer as flite and festival do, and by flite itself where there is one."""

import os
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from s3rl_jax.prepare.synthesis.programs import festival_voices, flite_voices
from s3rl_jax.prepare.synthesis.voice import Manner

STAND_IN = """#!{python}
import sys, wave
arguments = sys.argv[1:]
if arguments[:1] == ["-lv"]:
    print("Voices available: kal awb_time slt ")
elif arguments[:1] == ["--batch"]:
    print("(kal_diphone rab_diphone)")
else:
    text = open("/dev/stdin").read()
    if "crash" in text:
        sys.exit("no such word")
    out = next(arguments[i + 1] for i, a in enumerate(arguments) if a == "-o")
    open("{log}", "a").write(" ".join(arguments) + "|" + text + chr(10))
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 100 * len(text)))
"""


@pytest.fixture
def engines(tmp_path, monkeypatch) -> Path:
    """Puts stand-ins first on the path; what they were asked is in the log."""
    log = tmp_path / "log"
    for name in ("flite", "festival", "text2wave"):
        program = tmp_path / name
        program.write_text(STAND_IN.format(python=sys.executable, log=log))
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return log


def test_the_voices_are_found_and_speak(engines):
    voices = [*flite_voices("en-us"), *festival_voices("en-us")]
    assert [voice.name for voice in voices] == ["flite:kal", "flite:slt", "festival:kal_diphone", "festival:rab_diphone"]
    for voice in voices:
        samples, rate = voice.speak("-hello; rm -rf", "en-us", Manner(rate=0.8))
        assert rate == 8000
        assert len(samples) == 1400
    asked = engines.read_text().splitlines()
    assert all(line.endswith("|-hello; rm -rf") for line in asked), "the text goes in as text, not as an argument"
    assert all("1.25" in line for line in asked)
    assert "-voice slt" in asked[1]
    assert "(voice_rab_diphone)" in asked[3]


def test_a_higher_pitch_takes_no_less_time(engines):
    """The engine speaks more slowly, and the samples are played faster: 1 / 1.1 of its stretch at 1.1 of its rate."""
    samples, rate = flite_voices("en")[0].speak("hello", "en", Manner(rate=1.0, pitch=1.1))
    assert rate == 8800
    assert "duration_stretch=1.10" in engines.read_text()
    assert len(samples) == 500


def test_they_speak_english_alone(engines):
    assert flite_voices("de") == festival_voices("de") == []


def test_an_engine_that_fails_says_why(engines):
    with pytest.raises(RuntimeError, match="flite ended with status 1: no such word"):
        flite_voices("en")[0].speak("crash", "en", Manner())


def test_a_machine_without_them_has_no_voices(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert flite_voices("en") == festival_voices("en") == []


@pytest.mark.skipif(not shutil.which("flite"), reason="needs flite, which .ci/run installs where it can")
def test_flite_itself():
    voice = flite_voices("en")[-1]
    slow, fast = (voice.speak("alexa", "en", Manner(rate=rate))[0] for rate in (0.77, 1.25))
    assert len(slow) > 1.3 * len(fast)
    assert np.abs(slow).max() > 0.05
