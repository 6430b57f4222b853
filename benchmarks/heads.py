"""Cost of several words over one encoder: bytes and CPU of files with 1, 5 and 20 heads.

    python -m benchmarks.heads [--size=tiny] [--quantize=int8] [--seconds=60] [--repeats=5]

The student is the pretrained one of that size; the heads are random, because cost does not depend on training. Each file runs
in its own process with one thread, hop by hop on the same noise, in turn with the others. Prints a table: bytes, bytes more
than with one word, CPU seconds for a second of audio (median, least and most of the rounds) and the ratio of the medians to
one word.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.device import SAMPLE_RATE, in_own_process
from benchmarks.measuring import about, spread

WORDS = (1, 5, 20)


def export_heads(size: str, quantize: str, words: int, folder: Path) -> Path:
    """Writes a streaming file of `words` heads with a keyword each, and its .json."""
    import jax
    from ml_collections import ConfigDict

    from s3rl_jax.detect.firing import PATIENCE, REARM, REFRACTORY_SECONDS, SMOOTHING_HOPS
    from s3rl_jax.export.build import build_file
    from s3rl_jax.export.calibration import with_silence_and_noise
    from s3rl_jax.export.file_format import FileFormat
    from s3rl_jax.models.detector import KeywordModel
    from s3rl_jax.models.shared_encoder import share_encoder
    from s3rl_jax.models.student.registry import build_student
    from s3rl_jax.pretrained.student_file import load

    pretrained = load(size)
    student = build_student(ConfigDict(pretrained.card["student"]))
    model = KeywordModel(student, classes=2, window=24_000, hop=2560, lead=16_000)
    params = [model.init(jax.random.key(word)) | pretrained.params for word in range(words)]
    shared, joined = share_encoder([model] * words, params) if words > 1 else (model, params[0])
    clips = 0.05 * np.random.default_rng(0).standard_normal((2, shared.clip)).astype(np.float32)
    built = build_file(FileFormat(quantize, streaming=True), shared, joined, with_silence_and_noise(clips, 0))
    path = folder / f"{words}.tflite"
    path.write_bytes(built.content)
    firing = {"threshold": {"0.5": 2.0}, "refractory_seconds": REFRACTORY_SECONDS}  # never fires
    names = [f"word {word}" for word in range(words)]
    fields = {
        "labels": ["", *names],
        "sample_rate": SAMPLE_RATE,
        "window": shared.clip,
        "hop": shared.hop,
        "smoothing": {"hops": SMOOTHING_HOPS},
    }
    fields |= firing | {"keywords": dict.fromkeys(names, firing), "patience": PATIENCE, "rearm": REARM}
    path.with_suffix(".json").write_text(json.dumps(fields))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--quantize", default="int8")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = {words: export_heads(args.size, args.quantize, words, Path(folder)) for words in WORDS}
        runs = {words: [] for words in WORDS}
        for _ in range(args.repeats):
            for words, file in files.items():
                runs[words].append(in_own_process(str(file), args.seconds)["cpu_seconds_per_audio_second"])
        sizes = {words: file.stat().st_size for words, file in files.items()}
    spent = {words: spread(seconds, 6) for words, seconds in runs.items()}
    print("| words | bytes | more than one word | CPU s per audio s | ratio |\n| --- | --- | --- | --- | --- |")
    for words, cpu in spent.items():
        ratio = cpu["median"] / spent[1]["median"]
        figures = f"{cpu['median']:.5f} ({cpu['least']:.5f}-{cpu['most']:.5f})"
        print(f"| {words} | {sizes[words]:,} | {sizes[words] - sizes[1]:,} | {figures} | {ratio:.2f} |")
    print(json.dumps(about() | {"size": args.size, "quantize": args.quantize, "bytes": sizes, "cpu": spent}))


if __name__ == "__main__":
    main()
