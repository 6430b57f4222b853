"""False rejects by the number of recordings of the keyword, with a distilled and a random student, with and without synthesis.

    python -m benchmarks.few_recordings --corpus=corpus --init=runs/distilled --out=runs/few

Fine-tunes with 5, 20 and 100 recordings of the keyword from the corpus, from a random and from a distilled student, with and
without synthesised recordings (a second corpus, which is prepared first). All runs have the same negatives. Finished runs are
not repeated. Prints a JSON object for each curve and number of recordings, and writes OUT/few_recordings.svg.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from matplotlib.figure import Figure

CLIPS = (5, 20, 100)


def command(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", f"s3rl_jax.{module}", *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--init", required=True, help="a distilled student")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--keyword", default="alexa")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--condition", default="snr_10", help="condition to draw; all are printed")
    args = parser.parse_args()
    spoken = args.out / "spoken"
    if not (spoken / "corpus").is_dir():
        command("prepare", f"--synthesize={args.keyword}", "--minutes=15", "--count=150", f"--out={spoken}")
    curves: dict[str, list] = {}
    for start, init in (("distilled", args.init), ("not distilled", "")):
        for with_spoken in (False, True):
            for clips in CLIPS:
                frr = []
                for seed in range(args.seeds):
                    name = f"{start.replace(' ', '_')}-{clips}{'-spoken' if with_spoken else ''}-{seed}"
                    workdir, report = args.out / name, args.out / name / "report"
                    corpora = f"{args.corpus},{spoken}" if with_spoken else args.corpus
                    shares = ("--config.data.mixture.corpora=(0.7,0.3)",) if with_spoken else ()
                    command(
                        "train",
                        "--config=configs/finetune.py",
                        f"--workdir={workdir}",
                        f"--config.data.corpus={corpora}",
                        f"--config.data.keyword_clips={clips}",
                        f"--config.keyword={args.keyword}",
                        f"--config.init={init}",
                        f"--config.steps={args.steps}",
                        f"--config.batch_size={args.batch_size}",
                        f"--config.seed={seed}",
                        "--config.preflight=False",
                        *shares,
                    )
                    if not (report / "index.html").is_file():
                        conditions = "--conditions=clean,snr_10,snr_0"
                        command("evaluate", f"--workdir={workdir}", f"--corpus={args.corpus}", f"--out={report}", conditions)
                    measured = json.loads((report / "metrics.json").read_text())["conditions"]
                    frr.append({name: result["frr_at_fa_per_hour"]["10"] for name, result in measured.items()})
                line = start + (", synthesised too" if with_spoken else "")
                print(json.dumps({"start": line, "clips": clips, "frr_at_10_fa_per_hour": frr}), flush=True)
                curves.setdefault(line, []).append([seed[args.condition] for seed in frr])
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for line, points in curves.items():
        means = [100 * sum(seeds) / len(seeds) for seeds in points]
        spread = [[abs(m - 100 * end(seeds)) for m, seeds in zip(means, points, strict=True)] for end in (min, max)]
        axes.errorbar(CLIPS, means, spread, marker="o", capsize=3, label=line)
    axes.set(
        xscale="log", xlabel="recordings of the keyword", ylabel="false rejects, %, at 10 false accepts an hour", ylim=(0, None)
    )
    axes.set_xticks(CLIPS, [str(clips) for clips in CLIPS])
    axes.set_title(f"{args.keyword}, {args.condition}, {args.seeds} seeds (least to most)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(args.out / "few_recordings.svg")


if __name__ == "__main__":
    main()
