"""python -m s3rl_jax.evaluate --workdir=W --corpus=CORPUS [--split=test] [--baseline=WORKDIR_OR_FILE] --out=DIR."""

from s3rl_jax.core.commandline import Parser, run


def main() -> None:
    parser = Parser(prog="s3rl_jax.evaluate", description="Scores a detector on a split, as one stream.")
    parser.add_argument("--workdir", required=True, help="workdir of python -m s3rl_jax.train --config=configs/finetune.py")
    parser.add_argument("--corpus", required=True, help="one corpus or several, comma-separated")
    parser.add_argument("--split", default="test", help="one split, or several joined with + (default test)")
    parser.add_argument("--out", required=True, help="folder for metrics.json, det.csv, scores.csv, words.csv, index.html")
    parser.add_argument(
        "--baseline", default="", help="workdirs or exported files of other detectors, comma-separated, to compare with"
    )
    parser.add_argument("--conditions", default="", help="conditions such as clean,snr_20, comma-separated (default all)")
    parser.add_argument("--by_noise", action="store_true", help="also measure each kind of noise by itself, at each SNR")
    args = parser.parse_args()

    from s3rl_jax.evaluate.evaluation import evaluate
    from s3rl_jax.runs.workdir import listed

    conditions, baselines = tuple(filter(None, args.conditions.split(","))), tuple(listed(args.baseline))
    metrics = evaluate(args.workdir, args.corpus, args.split, args.out, conditions, args.by_noise, baselines)
    if "accuracy" in metrics:
        low, high = metrics["accuracy_interval_95"]
        print(f"{metrics['accuracy']:.2%} of {metrics['clips']} clips right (95 %: {low:.2%} to {high:.2%})")
    else:
        _print_conditions(metrics)
    print(f"report: {args.out}/index.html")


def _print_conditions(metrics: dict) -> None:
    for name, result in metrics["conditions"].items():
        unresolved = result["too_few_hours_for"]
        resolved = {rate: frr for rate, frr in result["frr_at_fa_per_hour"].items() if rate not in unresolved}
        rates = ", ".join(f"{frr:.1%} at {rate}" for rate, frr in resolved.items())
        rejects = f"false rejects {rates} false accepts an hour" if rates else "no operating point"
        hours = f"; {result['negative_hours']:.2f} h are too few for {', '.join(unresolved)}" if unresolved else ""
        print(f"{name:<12} {rejects}{hours}; equal error rate {result['eer']:.1%}")
    if "relative_far" in metrics:
        ratios, intervals = metrics["relative_far"], metrics["relative_far_interval_95"]
        rows = ", ".join(f"{name} {ratios[name]} {interval}" for name, interval in intervals.items())
        print(f"false accepts relative to {ratios['baseline']} (95 %): {rows}")


if __name__ == "__main__":
    run(main)
