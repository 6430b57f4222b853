"""Nonsense in the flags of every command."""

import random
from pathlib import Path

from benchmarks.attack.process import Ending, Try
from benchmarks.toy import Toy

NUMBERS = ("nan", "inf", "-inf", "-1", "-1e9", "x", "", "1e400", "\u0661", "0x1", "1,5", "-0.1")  # in no flag valid
WORDS = ("", "x", "-", "--", "=", "a\nb", "\U0001f600", "\udcff", "a" * 5000, "nan", " ", ",", "/dev/null", "/proc/none", "*")
OUTPUTS = ("", "/dev/full", "/proc/none/x", "/dev/null/x", "a,b", "file/x", "file", "a" * 300)
COUNTS = ("x", "", "-1", "1.5", "nan", "1e3", "\u00b2", "99999999999999999999")

# Command -> (flags that it needs, flags with values that must be refused, flags with values that may be taken).
# {corpus} and the like are the material; "file" is a file in the folder.
COMMANDS: dict[str, tuple[tuple[str, ...], dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]] = {
    "prepare": (
        ("--source={source}", "--out=out", "--workers=1"),
        {
            "--segment_seconds": (*NUMBERS, "0", "1e-9"),
            "--overlap_seconds": tuple(number for number in (*NUMBERS, "20")),
            "--workers": COUNTS,
            "--seed": COUNTS,
            "--out": ("", "/dev/full", "/proc/none/x", "/dev/null/x", "a,b", "file/x", "file"),
            "--source": (
                "",
                "gone",
                "/dev/zero",
                "/dev/null",
                "file",
                "tfds:x",
                "tfds:",
                "tfds:../..",
                "{source}/train_alexa_0.wav",
            ),
            "--runner": ("x",),
        },
        {
            "--out": ("\udcff", " ", "a\nb"),
            "--tfds_dir": WORDS,
            "--beam_options": WORDS,
            "--kokoro_voices": WORDS,
            "--piper_voices": WORDS,
        },
    ),
    "prepare --synthesize": (
        ("--synthesize=alexa", "--out=out", "--minutes=2", "--engines=espeak", "--workers=1"),
        {
            "--synthesize": ("", ",", "?!", "alexa,Alexa", " "),
            "--minutes": (*NUMBERS, "0", "1.9"),
            "--count": COUNTS,
            "--seed": COUNTS,
            "--workers": COUNTS,
            "--language": ("", "x", "en-nowhere", "../x", "a\nb"),
            "--texts": ("gone", "/dev/null", ".", "file/x"),
            "--confusions": ("gone", "/dev/null", "."),
            "--pronounce": ("", "=", "alexa=", "=x", "other=a", "alexa=[[]]"),
            "--engines": ("", "x", "espeak=nan", "espeak=0", "espeak=-1", "espeak=inf", "espeak=x", ","),
            "--kokoro_voices": ("gone", "file"),
            "--piper_voices": ("gone", "file"),
            "--out": ("", "/proc/none/x", "/dev/null/x", "a,b", "file/x", "file"),
        },
        {},
    ),
    "evaluate": (
        ("--workdir={detector}", "--corpus={corpus}", "--out=out", "--conditions=clean"),
        {
            "--workdir": ("", "gone", "file", ".", "{teacher}", "{corpus}"),
            "--corpus": ("", ",", "gone", "file", ".", "{corpus},gone"),
            "--split": ("", "dev", "train+", "+", "*", "test-0", "..", "a\nb"),
            "--conditions": ("x", "snr_x", "snr_nan", "clean,x", "\u00fc"),
            "--baseline": ("gone", "file", ".", "{teacher}", "gone.tflite", "file.tflite"),
            "--out": ("/proc/none/x", "/dev/null/x", "file/x", "file"),
        },
        {},
    ),
    "export": (
        ("--workdir={detector}", "--out=m.tflite"),
        {
            "--workdir": ("", "gone", "file", "{teacher}"),
            "--quantize": ("int4", "x", "none,int8", "\u00fc", " "),
            "--io": ("x", "int16", " "),
            "--target": ("x", " "),
            "--format": ("x", "", "pt"),
            "--report": ("gone", "file", ".", "{corpus}"),
            "--out": ("", "m", "m.onnx", "/proc/none/m.tflite", "/dev/null/m.tflite", "file/m.tflite", ".tflite/m.tflite/"),
        },
        {"--out": ("\udcff.tflite", " .tflite", "a\nb.tflite")},
    ),
    "detect": (
        ("{model}", "{source}/test_alexa_0.wav", "--scores=s.csv"),
        {
            "--rate": (*COUNTS, "3999", "384001"),
            "--channels": (*COUNTS, "0", "65"),
            "--channel": COUNTS,
            "--format": ("x", "", "S16LE", "s16be"),
            "--device": ("x", "0"),
            "--fa_per_hour": ("x", "", "nan", "-1", "7"),
            "--scores": ("/proc/none", "/dev/null/x", "file/x", ".", "/dev/full"),
            "--wyoming": (
                "x",
                "",
                "http://a",
                "tcp://",
                "tcp://x",
                "tcp://127.0.0.1:99999",
                "tcp://127.0.0.1:-1",
                "tcp://127.0.0.1:x",
            ),
        },
        {},
    ),
    "demo": (("{model}", "--port=-1"), {"--port": (*COUNTS, "99999", "65536")}, {}),
    "mine": (
        ("--workdir={detector}", "--corpus={corpus}", "--out=out", "--threshold=0.9999"),
        {
            "--workdir": ("", "gone", "file", "{teacher}"),
            "--corpus": ("", ",", "gone", "file", "."),
            "--split": ("", "test", "dev", "*"),
            "--threshold": (*NUMBERS, "0", "1", "1.1"),
            "--most": (*COUNTS, "0"),
            "--out": ("/proc/none/x", "/dev/null/x", "a,b", "file/x", "file"),
        },
        {},
    ),
    "train": (
        ("--config=finetune", "--workdir=w", "--config.runlocal=True", "--config.data.corpus={corpus}", "--config.init="),
        {
            "--config": ("", "gone", "gone.py", "file", "finetune:x", "finetune:", ".", "/dev/null", "x\ny", "file.py"),
            "--workdir": ("/proc/none/x", "/dev/null/x", "file/x", "file"),
            "--processes": ("x", "", "1.5"),
            "--process": ("x", "", "1.5"),
            "--preempted_status": ("x", "", "1.5"),
            "--coordinator": ("x", "x:y:z"),
            "--config.data.corpus": (
                "gone",
                ",",
                "{corpus},gone",
                "file",
                "fake:x",
                "fake:-1",
                "fake:nan",
                "fake:inf",
                "fake:0",
            ),
            "--config.init": ("gone", "file", "{teacher}", "pretrained:x", "pretrained:", "{corpus}"),
            "--config.nowhere": ("1",),
            "--dry_run": ("maybe",),
        },
        {},
    ),
    "pretrained": (
        ("--workdir={detector}", "--out=x"),
        {"--workdir": ("", "gone", "file", "{corpus}"), "--out": ("/proc/none/x", "file/x")},
        {},
    ),
    "starter": ((), {"--x": ("1",)}, {}),
}


def command_flags(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """A command with nonsense in a flag, a flag that does not exist, --help, or arguments that no command takes."""
    name = rng.choice(sorted(COMMANDS))
    needed, refused, taken = COMMANDS[name]
    (folder / "file").write_text("text")
    (folder / "file.tflite").write_text("text")
    (folder / "file.py").write_text("raise ValueError('a file of the user')")
    kind = rng.random()
    if kind < 0.03:
        return _try(name, ("--help",), toy, "")
    if kind < 0.1:
        odd = rng.choice([word for word in WORDS if word] + ["--nowhere=1", "--nowhere", "-h5"])
        return _try(name, (*needed, f"--{odd.strip('-=')}=x" if rng.random() < 0.5 else odd), toy, "")
    must = not taken or rng.random() < 0.85
    flag = rng.choice(sorted(refused if must else taken))
    value = rng.choice((refused if must else taken)[flag])
    kept = tuple(argument for argument in needed if not argument.startswith(f"{flag}="))
    extra = ("-",) if name == "detect" and flag in ("--rate", "--channels", "--format") else ()
    return _try(name, (*kept, *extra, f"{flag}={value}"), toy, f"{flag}={value}" if must else "")


def _try(name: str, arguments: tuple[str, ...], toy: Toy, refused: str) -> Try:
    module = name.split()[0]
    filled = tuple(argument.format_map(toy._asdict()) if "{" in argument else argument for argument in arguments)

    def complaint(ending: Ending) -> str:
        return f"taken: {module} {refused}" if refused and not ending.status else ""

    return Try((module, *filled), complaint)
