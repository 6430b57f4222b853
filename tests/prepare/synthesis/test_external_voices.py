"""Other synthesisers: by programs that answer as flite, festival and piper do, and by flite itself where there is one."""

import json
import os
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.external_voices import external_voices

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
    out = next(arguments[i + 1] for i, a in enumerate(arguments) if a in ("-o", "--output_file"))
    open("{log}", "a").write(" ".join(arguments) + "|" + text + chr(10))
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 100 * len(text)))
"""


@pytest.fixture
def engines(tmp_path, monkeypatch) -> Path:
    """Puts stand-ins first on the path; what they were asked is in the log."""
    log = tmp_path / "log"
    for name in ("flite", "festival", "text2wave", "piper"):
        program = tmp_path / name
        program.write_text(STAND_IN.format(python=sys.executable, log=log))
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "voices").mkdir()
    for voice, language in (("en_US-amy", "en"), ("de_DE-eva", "de")):
        (tmp_path / f"voices/{voice}.onnx").write_bytes(b"")
        (tmp_path / f"voices/{voice}.onnx.json").write_text(json.dumps({"language": {"family": language}}))
    return log


def test_the_voices_of_a_language_are_found_and_speak(engines):
    voices = external_voices(("flite", "festival", "piper"), "en-us", str(engines.parent / "voices"))
    assert [voice.name for voice in voices] == [
        "flite:kal",
        "flite:slt",
        "festival:kal_diphone",
        "festival:rab_diphone",
        "piper:en_US-amy",
    ]
    for voice in voices:
        samples, rate = voice.speak("-hello; rm -rf", 1.25)
        assert rate == 8000
        assert len(samples) == 1400
    asked = engines.read_text().splitlines()
    assert all(line.endswith("|-hello; rm -rf") for line in asked), "the text goes in as text, not as an argument"
    assert all("1.25" in line for line in asked)
    assert "-voice slt" in asked[1]
    assert "(voice_rab_diphone)" in asked[3]
    assert "en_US-amy.onnx" in asked[4]


def test_other_languages_have_pipers_voices_only(engines):
    voices = external_voices(("espeak", "flite", "festival", "piper"), "de", str(engines.parent / "voices"))
    assert [voice.name for voice in voices] == ["piper:de_DE-eva"]


def test_an_engine_that_fails_says_why(engines):
    with pytest.raises(RuntimeError, match="flite:kal: flite ended with status 1: no such word"):
        external_voices(("flite",), "en", "")[0].speak("crash", 1.0)


@pytest.mark.parametrize(("names", "folder", "named"), [(("siri",), "", "siri"), (("piper",), "nowhere", "nowhere")])
def test_what_is_not_there_is_named(names, folder, named):
    with pytest.raises(UserError, match=named):
        external_voices(names, "en", folder)


def test_a_machine_without_engines_has_no_external_voices(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert external_voices(("espeak", "flite", "festival", "piper"), "en", "") == []


@pytest.mark.skipif(not shutil.which("flite"), reason="needs flite, which .ci/run installs where it can")
def test_flite_itself():
    voices = external_voices(("flite",), "en", "")
    slow, fast = (voices[-1].speak("alexa", slowness)[0] for slowness in (1.3, 0.8))
    assert len(slow) > 1.3 * len(fast)
    assert np.abs(slow).max() > 0.05
