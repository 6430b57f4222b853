"""Cost of a detector on a device: time, file size and memory, for each student and quantisation, and for public peers.

    pip install pymicro-wakeword pyopen-wakeword
    python -m benchmarks.device [--sizes=conv,tiny,small] [--seconds=60] [--repeats=3] [--out=FILE.json]

The students are untrained, because cost does not depend on training. Each runs in its own process with one thread, gets the
same noise hop by hop, and is warmed up first. The processes run in turn, `repeats` rounds, so that other load on the machine
affects all. The peers are the public detectors of "alexa" of microWakeWord and openWakeWord, with their front ends, which get
pieces of the length that they need. Prints a table and writes JSON: CPU seconds for a second of audio and milliseconds for a
hop (median, least and most of the rounds), bytes of the files, peak resident memory of the process, and milliseconds that a
file takes as the second model of a pair, each time when the first one would fire.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16_000
KINDS = ("none", "dynamic", "int8", "int16x8")
PEERS = ("pymicro-wakeword", "pyopen-wakeword")


def student_consumer(path: str):
    """Opens an exported file. Returns a function that takes samples, the samples of a piece, and the bytes of the file."""
    from s3rl_jax.detect.detector import Detector

    detector = Detector(path)
    return detector.process, detector.hop, Path(path).stat().st_size


def verification_ms(path: str, times: int = 20) -> float:
    """Milliseconds of CPU that a file takes as the second model of a pair."""
    from s3rl_jax.detect.description import read_model
    from s3rl_jax.detect.verifier import Verifier

    verifier = Verifier(path, read_model(path)[2])
    samples = (0.05 * np.random.default_rng(0).standard_normal(verifier.window)).astype(np.float32)
    verifier.agrees(1, samples)
    begun = time.process_time()
    for _ in range(times):
        verifier.agrees(1, samples)
    return 1000 * (time.process_time() - begun) / times


def peer_consumer(name: str):
    """Opens a public detector of "alexa"; returns what `student_consumer` returns."""
    from benchmarks.peers.wake_words import micro, openwakeword

    probabilities, size = dict(zip(PEERS, (micro, openwakeword), strict=True))[name]("alexa")
    return lambda samples: probabilities(_pcm(samples)), 1280, size


def _pcm(samples) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def measure(name: str, seconds: float) -> dict:
    """Runs a detector over `seconds` seconds of noise in this process, and measures it."""
    consume, piece, size = peer_consumer(name) if name in PEERS else student_consumer(name)
    audio = (0.05 * np.random.default_rng(0).standard_normal(int(seconds * SAMPLE_RATE))).astype(np.float32)
    pieces = np.split(audio[: len(audio) // piece * piece], len(audio) // piece)
    for samples in pieces[: len(pieces) // 10]:
        consume(samples)
    begun = time.process_time()
    for samples in pieces:
        consume(samples)
    spent = time.process_time() - begun
    return {
        "cpu_seconds_per_audio_second": spent / (len(pieces) * piece / SAMPLE_RATE),
        "ms_per_hop": 1000 * spent / len(pieces),
        "hop_seconds": piece / SAMPLE_RATE,
        "bytes": size,
        "peak_rss_mb": peak_memory_mb(),
        **({} if name in PEERS else {"verification_ms": verification_ms(name)}),
    }


def peak_memory_mb() -> float:
    """Peak resident memory of this process (Linux). `getrusage` would include that of the parent at the time of the fork."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def export_untrained(size: str, kind: str, folder: Path) -> Path:
    """Writes a streaming file and its .json, as `export` does, without a corpus."""
    import jax
    from ml_collections import ConfigDict

    from s3rl_jax.export.build import build_file
    from s3rl_jax.export.calibration import with_silence_and_noise
    from s3rl_jax.export.file_format import FileFormat
    from s3rl_jax.models.detector import KeywordModel
    from s3rl_jax.models.student.registry import build_student

    student = build_student(ConfigDict({"size": size, "streaming": True}))
    model = KeywordModel(student, classes=2, window=24_000, hop=2560, lead=16_000)
    params = model.init(jax.random.key(0))
    # Noise is added to all parameters, because equal constants, such as untrained biases, would be stored once.
    noise = np.random.default_rng(1)
    params = jax.tree.map(lambda p: p + 0.01 * np.abs(noise.standard_normal(p.shape)).astype(np.float32), params)
    clips = 0.05 * np.random.default_rng(0).standard_normal((2, model.clip)).astype(np.float32)
    built = build_file(FileFormat(kind, streaming=True), model, params, with_silence_and_noise(clips, 0))
    path = folder / f"{size}_{kind}.tflite"
    path.write_bytes(built.content)
    fields = {
        "labels": ["", "alexa"],
        "sample_rate": SAMPLE_RATE,
        "window": model.clip,
        "hop": model.hop,
        "threshold": {"0.5": 2.0},
        "smoothing": {"hops": model.firing.smoothing_hops},
        "refractory_seconds": model.firing.refractory_seconds,
        "patience": model.firing.patience,
        "rearm": model.firing.rearm,
    }
    path.with_suffix(".json").write_text(json.dumps(fields))
    return path


def in_own_process(name: str, seconds: float) -> dict:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, f"--measure={name}", f"--seconds={seconds}"]
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(completed.stdout.splitlines()[-1])


def spread(values: list[float]) -> list[float]:
    """Median, least and greatest value."""
    return [round(v, 6) for v in (statistics.median(values), min(values), max(values))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="conv,tiny,small")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", help="JSON to write")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.seconds)))
        return

    with tempfile.TemporaryDirectory() as folder:
        named = {
            f"{size}, {kind}": str(export_untrained(size, kind, Path(folder)))
            for size in args.sizes.split(",")
            for kind in KINDS
        }
        named |= {peer: peer for peer in PEERS}
        rounds = {name: [] for name in named}
        for _ in range(args.repeats):
            for name, measured in named.items():
                rounds[name].append(in_own_process(measured, args.seconds))
    results = {
        name: {
            "cpu_seconds_per_audio_second": spread([run["cpu_seconds_per_audio_second"] for run in runs]),
            "ms_per_hop": spread([run["ms_per_hop"] for run in runs]),
            "hop_seconds": runs[0]["hop_seconds"],
            "bytes": runs[0]["bytes"],
            "peak_rss_mb": round(statistics.median(run["peak_rss_mb"] for run in runs), 1),
            "verification_ms": spread([run["verification_ms"] for run in runs]) if "verification_ms" in runs[0] else None,
        }
        for name, runs in rounds.items()
    }
    print("| detector | CPU s per audio s | ms per hop | hop, s | bytes | peak, MB | verification, ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, one in results.items():
        cpu, ms = one["cpu_seconds_per_audio_second"], one["ms_per_hop"]
        spent = f"{cpu[0]:.5f} ({cpu[1]:.5f}-{cpu[2]:.5f}) | {ms[0]:.3f} | {one['hop_seconds']:.3f}"
        verified = f"{one['verification_ms'][0]:.2f}" if one["verification_ms"] else ""
        print(f"| {name} | {spent} | {one['bytes']:,} | {one['peak_rss_mb']:.0f} | {verified} |")
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    about = {"machine": platform.processor() or platform.machine(), "python": platform.python_version(), "commit": revision}
    if args.out:
        Path(args.out).write_text(json.dumps(about | {"results": results}, indent=2))


if __name__ == "__main__":
    main()
