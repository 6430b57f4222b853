"""python -m s3rl_jax.export --workdir=W --out=M.tflite [--report=DIR]."""

import sys

from s3rl_jax.commandline import Parser, run


def main() -> None:
    parser = Parser(prog="s3rl_jax.export", description="A detector to a .tflite file, compared with JAX on real clips.")
    parser.add_argument("--workdir", required=True, help="of python -m s3rl_jax.train --config=configs/finetune.py")
    parser.add_argument("--out", required=True, help="the .tflite to write; M.json is written beside it")
    parser.add_argument("--report", help="folder that evaluate wrote, for the thresholds (default: report/ in the workdir)")
    args = parser.parse_args()

    from s3rl_jax.deploy.convert import NotExportable
    from s3rl_jax.deploy.export import export

    try:
        described = export(args.workdir, args.out, args.report)
    except NotExportable as error:
        print(f"error: not exported: {error}", file=sys.stderr)
        sys.exit(1)
    print(f"{args.out}: {described['bytes']} bytes, differs from JAX by at most {described['parity_error']:.1e}")
    if "default" in described["threshold"]:
        print(
            "no evaluation of this run was found: the threshold is 0.5. Run s3rl_jax.evaluate, then export again with --report",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run(main)
