"""The peer of benchmarks/input.py: torch.utils.data.DataLoader with soundfile. Prints audio seconds a second.

python -m benchmarks.peers.torch_input LIST --batch=64 --batches=200 --workers=2
"""

import argparse
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

SAMPLES = 32_000


class Crops(torch.utils.data.Dataset):
    """Crops of two seconds at random positions of random files, not resampled."""

    def __init__(self, files: list[str], size: int):
        self._files, self._size = files, size

    def __len__(self):
        return self._size

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        with soundfile.SoundFile(self._files[rng.integers(len(self._files))]) as file:
            file.seek(int(rng.integers(max(file.frames - SAMPLES, 0) + 1)))
            audio = file.read(SAMPLES, dtype="int16", always_2d=True)[:, 0]
        return np.pad(audio, (0, SAMPLES - len(audio)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("list", type=Path, help="a file with one path on each line")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    crops = Crops(args.list.read_text(encoding="utf-8").splitlines(), args.batch * (args.batches + args.workers))
    loader = iter(torch.utils.data.DataLoader(crops, batch_size=args.batch, num_workers=args.workers))
    for _ in range(args.workers):  # until all workers have started
        next(loader)
    begun = time.perf_counter()
    for _ in range(args.batches):
        next(loader)
    print(args.batch * args.batches * 2 / (time.perf_counter() - begun))


if __name__ == "__main__":
    main()
