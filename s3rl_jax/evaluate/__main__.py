"""python -m s3rl_jax.evaluate --workdir=W --corpus=CORPUS [--split=test] [--baseline=WORKDIR] --out=DIR."""

from s3rl_jax.core.commandline import Parser, run


def main() -> None:
    parser = Parser(prog="s3rl_jax.evaluate", description="Scores a detector on a split, as one stream.")
    parser.add_argument("--workdir", required=True, help="of python -m s3rl_jax.train --config=configs/finetune.py")
    parser.add_argument("--corpus", required=True, help="one corpus or several, comma-separated")
    parser.add_argument("--split", default="test", help="one split, or several joined with + (default test)")
    parser.add_argument("--out", required=True, help="folder for metrics.json, det.csv, scores.csv, index.html")
    parser.add_argument(
        "--baseline", default="", help="workdirs of other detectors, comma-separated, to compare with the first"
    )
    parser.add_argument("--conditions", default="", help="some of clean, snr_20 ..., comma-separated (default all)")
    parser.add_argument("--by_noise", action="store_true", help="each kind of noise by itself too, at each SNR")
    args = parser.parse_args()

    from s3rl_jax.evaluate.evaluation import evaluate

    lists = (tuple(filter(None, text.split(","))) for text in (args.conditions, args.baseline))
    conditions, baselines = lists
    measured = evaluate(args.workdir, args.corpus, args.split, args.out, conditions, args.by_noise, baselines)
    if "accuracy" in measured:
        low, high = measured["accuracy_interval_95"]
        print(f"{measured['accuracy']:.2%} of {measured['clips']} clips right (95 %: {low:.2%} to {high:.2%})")
    else:
        _say(measured)
    print(f"report: {args.out}/index.html")


def _say(measured: dict) -> None:
    for name, result in measured["conditions"].items():
        few = result["too_few_hours_for"]
        rates = {rate: frr for rate, frr in result["frr_at_fa_per_hour"].items() if rate not in few}
        shown = ", ".join(f"{frr:.1%} at {rate}" for rate, frr in rates.items())
        least = f"; {result['negative_hours']:.2f} h are too few for {', '.join(few)}" if few else ""
        said = f"false rejects {shown} false accepts an hour" if shown else "no operating point"
        print(f"{name:<12} {said}{least}; equal error rate {result['eer']:.1%}")
    if "relative_far" in measured:
        intervals = measured["relative_far_interval_95"]
        told = ", ".join(f"{name} {measured['relative_far'][name]} {interval}" for name, interval in intervals.items())
        print(f"false accepts relative to {measured['relative_far']['baseline']} (95 %): {told}")


if __name__ == "__main__":
    run(main)
