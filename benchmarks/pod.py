"""Estimates the cost of training on 16 600 hours on a TPU pod and on a GPU server: the tables of docs/scaling.md.

    python -m benchmarks.pod [--utilisation=0.3] [--input_rate=19868]

Operations and memory of a step are those of `--dry_run` on this machine; the rest is arithmetic. `utilisation`, a share of the
peak in bfloat16, is an assumption, not a measurement. `input_rate` is audio seconds a second from shards on two cores, as
benchmarks/input.py measures it.
"""

import argparse
import json

from benchmarks.scaling import dry_run

HOURS, BYTES = 16_600, 32_000  # BYTES: bytes of a second of int16 at 16 kHz
MACHINES = {  # number of chips, peak flops in bfloat16 of a chip, GiB of a chip, number of hosts
    "v5e-64": (64, 197e12, 16, 16),
    "8 x H200": (8, 989e12, 141, 1),
}
JOBS = {  # config, steps, batch, seconds of a crop, fields
    "distil base into tiny, the paper's 75 000 x 512": (
        "configs/distill.py:paper",
        75_000,
        512,
        2.015,
        {"teacher.size": "base", "teacher.pretraining.steps": 2, "teacher.pretraining.batch_size": 2},
    ),
    "pre-train base, 400 000 x 384 x 15 s": ("configs/pretrain.py:base", 400_000, 384, 15.0, {"dtype": "float32"}),
}
SEGMENT = 20.0  # seconds of a record; to cut a crop, the whole record is read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utilisation", type=float, default=0.3)
    parser.add_argument("--input_rate", type=float, default=19_868.0)
    args = parser.parse_args()
    estimate = {"corpus_terabytes": round(HOURS * 3600 * BYTES / 1e12, 2), "utilisation": args.utilisation, "jobs": []}
    for job, (config, steps, batch, seconds, fields) in JOBS.items():
        rows = 2
        run = dry_run(config, batch_size=rows, **{"data.crop_seconds": seconds}, **fields)
        flops = run["flops_per_step"] / (rows * seconds)  # for a second of audio
        audio = steps * batch * seconds
        for machine, (chips, peak, gib, hosts) in MACHINES.items():
            rate = chips * peak * args.utilisation / flops
            estimate["jobs"].append(
                {
                    "job": job,
                    "machine": machine,
                    "parameters": run["parameters"],
                    "gflop_per_audio_second": round(flops / 1e9, 1),
                    "audio_hours": round(audio / 3600),
                    "passes_over_the_corpus": round(audio / 3600 / HOURS, 2),
                    "hours": round(audio / rate / 3600, 2),
                    "chip_hours": round(chips * audio / rate / 3600, 1),
                    "audio_seconds_per_second": round(rate),
                    "input_of_a_host_mb_per_second": round(rate * BYTES / hosts / 1e6),
                    "read_by_a_host_mb_per_second": round(rate * BYTES / hosts / 1e6 * max(1.0, SEGMENT / seconds)),
                    "cores_of_a_host_for_input": round(2 * rate / hosts / args.input_rate, 1),
                    "activation_gib_a_chip": round(run["temporary_bytes"] / rows * batch / chips / 2**30, 2),
                    "memory_gib_a_chip": gib,
                }
            )
    print(json.dumps(estimate, indent=2))


if __name__ == "__main__":
    main()
