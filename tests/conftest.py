"""What all tests share: eight host devices, small recordings, a small corpus, the shortest runs."""

import atexit
import os
import shutil
import tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # of the first process of the run; its workers and commands inherit it
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="s3rl_jax_compiled_")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")  # most programs are small; all processes share them

import csv
import functools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings
from ml_collections import ConfigDict

ROOT = Path(__file__).parent.parent
# Toy models compile for longer than they run: XLA's least work, a quarter of its usual. Read when the first array is made, and
# by the processes that tests start.
CHEAP_PROGRAMS = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {CHEAP_PROGRAMS} --xla_force_host_platform_device_count=8"
WORDS = ("alexa", "banana")
settings.register_profile("without a clock", deadline=None)  # an example may take long on a busy machine
settings.load_profile("without a clock")
LONGEST = (  # begin first
    "notebooks",
    "tests/launch/test_installed.py",
    "tests/survival",
    "tests/train",
    "tests/tasks",
    "tests/engine",
    "tests/teachers",
)


def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Divides the tests over processes by file, so that a file's fixtures are made once; all that take the chain as one.

    pytest-xdist's own groups (`--dist=loadgroup`) have no effect with pytest 9.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return "chain" if _takes_the_chain(file) else file

    return ByFile(config, log)


@functools.cache
def _takes_the_chain(file: str) -> bool:
    return re.search(r"\bchain\b", (ROOT / file).read_text(encoding="utf-8")) is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests in the order in which they begin: those that take longest first."""
    items.sort(key=_begins)


def _begins(item: pytest.Item) -> int:
    if _takes_the_chain(item.nodeid.split("::")[0]):
        return 0
    return next((place for place, folder in enumerate(LONGEST, 1) if item.nodeid.startswith(folder)), len(LONGEST) + 1)


@pytest.fixture(scope="module", autouse=True)
def devices(request: pytest.FixtureRequest):
    """Shows a module's tests one of the eight devices, or its DEVICES: to compile and run for eight takes twice as long."""
    import jax

    count = getattr(request.module, "DEVICES", 1)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("devices", "local_devices"):
            patch.setattr(jax, name, functools.partial(_first, count, getattr(jax, name)))
        patch.setattr(jax, "device_count", lambda: count)
        yield
    jax.clear_caches()  # a process would keep 8 GB of compiled programs


def _first(count: int, function, *backend) -> list:
    return function(*backend)[:count]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def tone_word(rng: np.random.Generator, word: str, samples: int = 9600) -> np.ndarray:
    """A stand-in for a spoken word that a toy model tells apart in seconds: a high or a low chirp, of varying pitch."""
    time = np.arange(samples) / 16_000
    base = rng.uniform(2000, 3000) if word == "alexa" else rng.uniform(300, 600)
    return 0.3 * np.sin(2 * np.pi * np.cumsum(base + 900 * time) / 16_000) * np.hanning(samples)


def student_settings(size: str, streaming: bool = True, block: int = 8) -> ConfigDict:
    """As `config.student`."""
    return ConfigDict({"size": size, "streaming": streaming, "block": block})


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    """A folder with a manifest: two words of two speakers a split, longer speech, noise, a room."""
    root, rng = tmp_path_factory.mktemp("source"), np.random.default_rng(1)
    rows = []

    def add(name, audio, **columns):
        soundfile.write(root / name, audio.astype(np.float32), 16_000, subtype="PCM_16")
        rows.append({"path": name, **columns})

    for split, count in (("train", 12), ("validation", 3), ("test", 6)):
        for i in range(count):
            for word in WORDS:
                silence = 0.001 * rng.standard_normal(int(rng.uniform(1600, 8000)))
                audio = np.concatenate([silence, tone_word(rng, word), silence])
                add(f"{split}_{word}_{i}.wav", audio, split=split, label=word, speaker=f"{split}{i % 2}", licence="CC0")
        for i in range(4):
            long = np.concatenate([tone_word(rng, "banana", int(rng.uniform(4000, 12000))) for _ in range(6)])
            add(f"{split}_long_{i}.wav", long, split=split, speaker=f"{split}{i % 2}", licence="CC0")
        loudness = np.repeat([0.1, 0.01, 0.002], 16_000)
        add(f"{split}_noise.wav", loudness * rng.standard_normal(48_000), split=split, kind="noise")
    add(
        "room.wav",
        np.r_[0.0, 0.9, 0.2 * rng.standard_normal(2000) * 0.99 ** np.arange(2000)],
        split="train",
        kind="impulse_response",
    )
    with open(root / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "split", "kind", "label", "speaker", "licence"], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return root


@pytest.fixture(scope="session")
def corpus(source, tmp_path_factory) -> str:
    from s3rl_jax.prepare.preparation import prepare
    from s3rl_jax.prepare.sources.recognise import read_source

    out = tmp_path_factory.mktemp("corpus") / "corpus"
    prepare(read_source(str(source)), str(out))
    return str(out)


def run_module(module: str, *arguments: str, **kwargs) -> subprocess.CompletedProcess:
    """Runs `python -m s3rl_jax.<module>` as a user does, on one device."""
    environment = {**os.environ, "XLA_FLAGS": CHEAP_PROGRAMS, "PYTHONPATH": str(ROOT), **kwargs.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", f"s3rl_jax.{module}", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=kwargs.pop("text", True),
        timeout=500,
        check=False,
        **kwargs,
    )


TOY_DISTILL = (
    "--config=configs/distill.py:paper",
    "--config.steps=6",
    "--config.batch_size=8",
    "--config.log_every=2",
    "--config.checkpoint_every=4",
    "--config.data.crop_seconds=0.8",
    "--config.data.shortest_seconds=0.3",
    "--config.student.size=toy",
    "--config.teacher.size=toy",
    "--config.teacher.pretraining.steps=4",
    "--config.teacher.pretraining.batch_size=8",
    "--config.distractors=10",
    "--config.teacher.pretraining.distractors=10",
    "--config.preflight=False",
)
TOY_FINETUNE = (
    "--config=configs/finetune.py",
    "--config.steps=150",
    "--config.batch_size=16",
    "--config.log_every=50",
    "--config.checkpoint_every=100",
    "--config.data.window_seconds=1.2",
    "--config.optimizer.learning_rate=0.01",
    "--config.augment.snr_db=(15.0,30.0)",
    "--config.preflight=False",
)


@pytest.fixture(scope="session")
def chain(corpus, tmp_path_factory) -> dict[str, str]:
    """The whole chain at the least size, by its commands: workdirs, report and model, and what the commands said."""
    root = tmp_path_factory.mktemp("chain")
    names = ("distilled", "detector", "report", "model.tflite", "stream.tflite", "int8.tflite")
    paths = {name: str(root / name) for name in names}
    commands = {
        "distill": ("train", *TOY_DISTILL, f"--workdir={paths['distilled']}", f"--config.data.corpus={corpus}"),
        "finetune": (
            "train",
            *TOY_FINETUNE,
            f"--workdir={paths['detector']}",
            f"--config.data.corpus={corpus}",
            f"--config.init={paths['distilled']}",
        ),
        "evaluate": ("evaluate", f"--workdir={paths['detector']}", f"--corpus={corpus}", f"--out={paths['report']}"),
    }
    forms = {"model.tflite": (), "stream.tflite": ("--streaming",), "int8.tflite": ("--streaming", "--quantize=int8")}
    for name, form in forms.items():
        source = (f"--workdir={paths['detector']}", f"--report={paths['report']}")
        commands[f"export {name}"] = ("export", *source, f"--out={paths[name]}", *form)
    for name, command in commands.items():
        done = run_module(*command)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        paths[f"{name} said"] = done.stderr + done.stdout
    return {**paths, "corpus": corpus}
