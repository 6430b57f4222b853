"""python -m s3rl_jax.evaluate --workdir=W --corpus=CORPUS [--split=test] --out=DIR."""

from s3rl_jax.commandline import Parser, run


def main() -> None:
    parser = Parser(prog="s3rl_jax.evaluate", description="Scores a detector on a split, as one stream.")
    parser.add_argument("--workdir", required=True, help="of python -m s3rl_jax.train --config=configs/finetune.py")
    parser.add_argument("--corpus", required=True, help="one corpus or several, comma-separated")
    parser.add_argument("--split", default="test", help="one split, or several joined with + (default test)")
    parser.add_argument("--out", required=True, help="folder for metrics.json, det.csv, scores.csv, index.html")
    args = parser.parse_args()

    import matplotlib

    matplotlib.use("Agg")
    from s3rl_jax.evaluation.evaluate import evaluate

    measured = evaluate(args.workdir, args.corpus, args.split, args.out)
    for name, result in measured["conditions"].items():
        shown = ", ".join(f"{frr:.1%} at {rate}" for rate, frr in result["frr_at_fa_per_hour"].items())
        print(f"{name:<8} false rejects: {shown} false accepts an hour")
    if too_few := measured["conditions"]["clean"]["too_few_hours_for"]:
        print(f"{measured['negative_hours']:.2f} h of negatives are too few to show {', '.join(too_few)} false accepts an hour")
    print(f"report: {args.out}/index.html")


if __name__ == "__main__":
    run(main)
