"""Speed of distillation steps, compared with plain PyTorch, in one run on one machine.

    pip install -r benchmarks/peers/requirements.txt
    python -m benchmarks.train [--students=tiny,small,large] [--batch=8] [--seconds=2.015] [--repeats=5] [--dtype=float32]

Both distil wav2vec 2.0 base (with random parameters, whose values do not affect the time) into the paper's student by the dual
view over all layers and the teacher's codebook at masked frames, without augmentation. Batch, sizes, losses, gradient clipping
and AdamW are the same. benchmarks/peers/torch_distill.py is the PyTorch side, in two forms: with the codebook objective as
transformers writes it, which gathers 100 code vectors for each frame, and with that of s3rl_jax. They run in turn, so that
other load on the machine affects all. Prints JSON: audio seconds a second (median, least, most), the ratio in each turn, the
speed of a matrix product, and the share of that speed that each reaches by the operations that XLA counts in our step.
"""

import argparse
import gc
import json
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measuring import about, spread
from configs import distill as config_file
from s3rl_jax.engine.compiled_run import CompiledRun
from s3rl_jax.engine.job import Inputs, Job
from s3rl_jax.engine.mesh import to_devices
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.models.teacher.wav2vec2 import SIZES, Wav2Vec2
from s3rl_jax.tasks.distill import distill


def jax_distillation(student: str, audio: np.ndarray, dtype: str):
    """Returns a function without arguments that runs one step to its end, and the step's floating-point operations."""
    config = config_file.get_config("paper")
    config.student.size, config.student.streaming = student, False
    config.dtype = config.teacher.dtype = dtype
    config.batch_size, config.steps_per_dispatch = len(audio), 1
    for name in ("reverb_probability", "noise_probability"):
        config.augment[name] = 0.0
    params = Wav2Vec2(SIZES["base"]).init(jax.random.key(9), jnp.zeros((1, 1600)), jnp.ones((1, 4), bool))["params"]
    teacher = Teacher(SIZES["base"], jax.tree.map(lambda p: p.astype(dtype), params))
    task = distill(config, teacher, np.zeros((0, audio.shape[1]), np.int16), np.zeros((0, 8000), np.float32))
    batch = {"audio": audio, "length": np.full(len(audio), audio.shape[1], np.int32)}
    program = CompiledRun(Job(task, Inputs(lambda first, last: iter(())), config, "distill"), batch)
    state = program.create()
    inputs = to_devices({name: rows[None] for name, rows in batch.items()}, program.mesh, axis=1)

    def step():
        nonlocal state
        state, metrics = program.step(state, inputs, 1)
        return float(metrics["loss"][0])

    return step, program.flops


def product_flops(dtype: str) -> dict[str, float]:
    """Flops a second of a matrix product in JAX and in PyTorch."""
    import torch

    size = 1024 if jax.default_backend() == "cpu" else 8192
    device = "cuda" if torch.cuda.is_available() else "cpu"
    array, tensor = jnp.ones((size, size), dtype), torch.ones((size, size), dtype=getattr(torch, dtype), device=device)
    product = jax.jit(jnp.matmul)

    def torch_product():
        torch.matmul(tensor, tensor)
        if device == "cuda":
            torch.cuda.synchronize()

    times = turns({"s3rl_jax": lambda: product(array, array).block_until_ready(), "pytorch": torch_product}, 20)
    return {name: 2 * size**3 / min(seconds) for name, seconds in times.items()}


def turns(functions, repeats: int) -> dict[str, list[float]]:
    """Seconds of each function, which run in turn, after two calls of each to warm up."""
    times = {name: [] for name in functions}
    for _ in range(2):
        for function in functions.values():
            function()
    for _ in range(repeats):
        for name, function in functions.items():
            begun = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - begun)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", default="tiny,small,large")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.015)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    args = parser.parse_args()
    from benchmarks.peers.torch_distill import codebook, codebook_by_products, distillation

    shape = (args.batch, int(args.seconds * 16_000))
    audio = np.random.default_rng(0).integers(-5000, 5000, shape).astype(np.int16)
    ceilings, compiled = product_flops(args.dtype), jax.default_backend() != "cpu"
    report = about() | {"batch": f"{args.batch} x {args.seconds} s", "dtype": args.dtype, "pytorch_compiled": compiled}
    report["matrix_product_gflops"] = {name: round(rate / 1e9) for name, rate in ceilings.items()}
    for student in args.students.split(","):
        step, flops = jax_distillation(student, audio, args.dtype)
        peers = {"pytorch": codebook, "pytorch, codebook by products": codebook_by_products}
        peers = {name: distillation(student, audio, args.dtype, compiled, way) for name, way in peers.items()}
        times = turns({"s3rl_jax": step, **peers}, args.repeats)
        rates = {who: [args.batch * args.seconds / s for s in seconds] for who, seconds in times.items()}
        report[student] = {
            "gflop_a_step": round(flops / 1e9, 1),
            "audio_seconds_per_second": {who: spread(rate) for who, rate in rates.items()},
            "share_of_matrix_product": {who: round(flops / min(times[who]) / ceilings[who.split(",")[0]], 3) for who in times},
            "ratio": {who: spread([b / a for a, b in zip(times["s3rl_jax"], times[who], strict=True)]) for who in peers},
        }
        gc.collect()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
