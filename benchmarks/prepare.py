"""Cost of preparing a corpus: hours of audio a minute and peak memory, for 1 and 6 hours, with one process and one a core.

    python -m benchmarks.prepare

Prints a JSON object for each run; the peak is that of the largest process. The source is generated: FLAC files of 20 s at
22.05 kHz in stereo, which have to be decoded, mixed down and resampled.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RATE, SECONDS = 22_050, 20
RUN = """
import json, resource
from s3rl_jax.prepare.__main__ import main
if __name__ == "__main__":
    main()
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({"peak_mb": round(max(peaks) / 1024)}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 6.0])
    args = parser.parse_args()
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (RATE * SECONDS, 2))
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        (root / "run.py").write_text(RUN)
        for hours in args.hours:
            source = root / f"source-{hours:g}" / "train"
            source.mkdir(parents=True)
            for number in range(round(hours * 3600 / SECONDS)):
                soundfile.write(source / f"{number:05}.flac", np.roll(noise, number, axis=0), RATE)
            for workers in sorted({1, len(os.sched_getaffinity(0))}):
                command = [f"--source={source.parent}", f"--out={root}/out-{hours:g}-{workers}", f"--workers={workers}"]
                begun = time.perf_counter()
                done = subprocess.run([sys.executable, root / "run.py", *command], capture_output=True, text=True, check=True)
                minutes = (time.perf_counter() - begun) / 60
                peak = json.loads(done.stdout.splitlines()[-1])
                rate = round(hours / minutes, 2)
                print(json.dumps({"hours": hours, "workers": workers, "hours_a_minute": rate, **peak}), flush=True)


if __name__ == "__main__":
    main()
