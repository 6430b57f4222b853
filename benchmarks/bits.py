"""Digests of results, to show that a change of the code changes no bit of them.

    python -m benchmarks.bits [--out=FILE.json] [--only=WORD]

Trains each task and each objective at `runlocal` size with seed 7 on generated recordings, exports the detectors, and prints
a SHA-256 (16 digits) of the final parameters and of each exported file. Run it before and after a change on one machine, as
other processors and versions of XLA round differently. No cache of compiled programs is used.
"""

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import orbax.checkpoint as ocp
import soundfile

OBJECTIVES = (
    "dual_view",
    "gamma",
    "code_classes",
    "own_codebook",
    "feature_view",
    "batch_view",
    "frame_regression",
    "utterance_regression",
)
FORMS = {"float": (), "streaming": ("--streaming",), "streaming int8": ("--streaming", "--quantize=int8")}


def write_source(folder: Path) -> None:
    """Writes recordings and a manifest: chirps as two words of two speakers, noise, and an impulse response."""
    rng, rows = np.random.default_rng(1), []

    def add(name, audio, **columns):
        soundfile.write(folder / name, audio.astype(np.float32), 16_000, subtype="PCM_16")
        rows.append({"path": name, **columns})

    for split, count in (("train", 12), ("validation", 3), ("test", 6)):
        for i in range(count):
            for word, low in (("alexa", 2000), ("banana", 300)):
                time = np.arange(9600) / 16_000
                chirp = 0.3 * np.sin(2 * np.pi * np.cumsum(low * rng.uniform(1, 1.5) + 900 * time) / 16_000) * np.hanning(9600)
                silence = 0.001 * rng.standard_normal(4800)
                audio = np.concatenate([silence, chirp, silence])
                add(f"{split}_{word}_{i}.wav", audio, split=split, label=word, speaker=f"{split}{i % 2}")
        add(f"{split}_noise.wav", 0.1 * rng.standard_normal(48_000), split=split, kind="noise")
        room = np.r_[0.9, 0.2 * rng.standard_normal(2000) * 0.99 ** np.arange(2000)]
        add(f"{split}_room.wav", room, split=split, kind="impulse_response")
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "split", "kind", "label", "speaker"], restval="")
        writer.writeheader()
        writer.writerows(rows)


def command(module: str, *arguments: str) -> None:
    """Runs `python -m s3rl_jax.MODULE`; ends with its messages if it fails."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-m", f"s3rl_jax.{module}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"s3rl_jax.{module} {' '.join(arguments)}: status {done.returncode}\n{done.stderr}")


def parameters_digest(workdir: Path) -> str:
    """Digest of names and arrays of the parameters in the newest checkpoint."""
    digest = hashlib.sha256()
    with ocp.CheckpointManager((workdir / "checkpoints").absolute(), item_handlers=ocp.StandardCheckpointHandler()) as manager:
        params = manager.restore(manager.latest_step())["params"]

    def add(path: str, tree) -> None:
        if isinstance(tree, dict):
            for name in sorted(tree):
                add(f"{path}/{name}", tree[name])
            return
        digest.update(path.encode())
        digest.update(np.ascontiguousarray(np.asarray(tree)).tobytes())

    add("", params)
    return digest.hexdigest()[:16]


def digests(root: Path, only: str) -> dict[str, str]:
    """Trains and exports; returns the digest of each result by its name."""
    (root / "source").mkdir()
    write_source(root / "source")
    corpus, table = str(root / "corpus"), {}
    command("prepare", f"--source={root / 'source'}", f"--out={corpus}")
    common = ("--config.runlocal=True", "--config.seed=7", f"--config.data.corpus={corpus}", "--compile_cache=")

    def train(name: str, config: str, *arguments: str) -> Path:
        workdir = root / name.replace(" ", "_").replace(",", "_")
        command("train", f"--config=configs/{config}", f"--workdir={workdir}", *common, *arguments)
        table[name] = parameters_digest(workdir)
        print(f"{table[name]}  {name}", flush=True)
        return workdir

    teacher = train("pretrain teacher", "pretrain.py")
    if only in "pretrain student":
        train("pretrain student", "pretrain.py:student")
    source = f"--config.teacher.source={teacher}"
    distilled = train("distill dual_view, gamma", "distill.py:paper", source)
    for objective in OBJECTIVES:
        if only in (name := f"distill {objective}"):
            weights = [f"--config.loss.{other}={float(other == objective)}" for other in OBJECTIVES]
            train(name, "distill.py:paper", source, *weights)
    for name, arguments in {
        "distill cached": ("--config.teacher.cache=True", "--config.loss.frame_regression=1.0"),
        "distill k-means": ("--config.codebook.kind=kmeans",),
        "distill conv": ("--config.student.size=conv",),
        "distill micro-batches": ("--config.micro_batches=2",),
    }.items():
        if only in name:
            train(name, "distill.py:paper", source, *arguments)
    for name, arguments in {
        "finetune tiny": (f"--config.init={distilled}",),
        "finetune conv": ("--config.init=", "--config.student.size=conv"),
        "finetune frozen": (f"--config.init={distilled}", "--config.encoder=frozen"),
        "finetune rounded": ("--config.init=", "--config.student.size=conv", "--config.quantization_aware=True"),
        "finetune whole window": ("--config.init=", "--config.student.streaming=False"),
    }.items():
        if only not in name:
            continue
        workdir = train(name, "finetune.py", *arguments)
        for form, flags in FORMS.items() if name in ("finetune tiny", "finetune conv") else ():
            out = root / f"{workdir.name}_{form.replace(' ', '_')}.tflite"
            command("export", f"--workdir={workdir}", f"--out={out}", *flags)
            table[f"{name}, {form}"] = hashlib.sha256(out.read_bytes()).hexdigest()[:16]
            print(f"{table[f'{name}, {form}']}  {name}, {form}", flush=True)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", help="JSON to write")
    parser.add_argument("--only", default="", help="results whose names contain this text, and those that they need")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = digests(Path(folder), args.only)
    if args.out:
        Path(args.out).write_text(json.dumps(table, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
