"""Speed of the base encoder, compared with PyTorch transformers, in one run on one machine.

    python -m benchmarks.teacher [--batch=4] [--seconds=10] [--repeats=5] [--dtype=float32]

Both are wav2vec 2.0 base with random parameters, with the same batch, dropout (0.1 on hidden states; none on attention, no
layer drop) and precision. `forward` is inference; `forward_backward` is the mean square of the last layer and its gradient
with respect to all parameters. The two run in turn, so that other load on the machine affects both. On a GPU PyTorch is
compiled and uses its fused attention. Prints JSON: the speed of a float32 matrix product in each, audio seconds a second
(median, least and most), and their ratio.
"""

import argparse
import json
import platform
import statistics
import subprocess
import time

import jax
import jax.numpy as jnp
import numpy as np

from s3rl_jax.models.teacher.wav2vec2 import SIZES, Wav2Vec2

DROPOUT = 0.1


def jax_encoder(audio: np.ndarray, dtype: str):
    """Returns two functions without arguments, forward and backward, that run to their end."""
    model = Wav2Vec2(SIZES["base"])
    valid = jnp.ones((len(audio), model.config.frame_count(audio.shape[1])), bool)
    audio = jnp.asarray(audio, dtype)
    params = model.init(jax.random.key(0), audio[:1, :1600], valid[:1, :4])["params"]
    params = jax.tree.map(lambda p: p.astype(dtype), params)

    def last(params, rng=None):
        rngs = None if rng is None else {"dropout": rng}
        latents = model.apply({"params": params}, audio, method="latents")
        apply = model.apply({"params": params}, latents, valid, None, rng is None, rngs=rngs, method="hidden")
        return apply[-1].astype(jnp.float32)

    forward = jax.jit(last)
    backward = jax.jit(jax.grad(lambda params, rng: jnp.mean(jnp.square(last(params, rng)))))
    rng = jax.random.key(1)
    return lambda: jax.block_until_ready(forward(params)), lambda: jax.block_until_ready(backward(params, rng))


def torch_encoder(audio: np.ndarray, dtype: str):
    """As `jax_encoder`, with PyTorch transformers."""
    import torch
    import transformers

    device = "cuda" if torch.cuda.is_available() else "cpu"
    sizes = transformers.Wav2Vec2Config(
        hidden_dropout=DROPOUT,
        activation_dropout=DROPOUT,
        feat_proj_dropout=DROPOUT,
        attention_dropout=0.0,
        layerdrop=0.0,
        apply_spec_augment=False,
        attn_implementation="sdpa",
    )
    model = transformers.Wav2Vec2Model(sizes).to(device, getattr(torch, dtype))
    samples = torch.tensor(audio, device=device, dtype=getattr(torch, dtype))
    call = torch.compile(model) if device == "cuda" else model

    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    def forward():
        model.eval()
        with torch.no_grad():
            call(samples).last_hidden_state.float()
        wait()

    def backward():
        model.train()
        model.zero_grad(set_to_none=True)
        call(samples).last_hidden_state.float().square().mean().backward()
        wait()

    return forward, backward


def products():
    """A function for the same matrix product in each, and its floating-point operations, to measure the peak of each."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    x, y = np.ones((2000, 768), np.float32), np.ones((768, 3072), np.float32)
    product, arrays = jax.jit(jnp.matmul), (jnp.asarray(x), jnp.asarray(y))
    tensors = [torch.tensor(a, device=device) for a in (x, y)]

    def torch_product():
        torch.matmul(*tensors)
        if device == "cuda":
            torch.cuda.synchronize()

    return (lambda: jax.block_until_ready(product(*arrays)), torch_product), 2 * x.size * y.shape[1]


def measure(pair, repeats: int) -> list[list[float]]:
    """Seconds of each function, which run in turn, after one call of each to warm up."""
    seconds = [[], []]
    for function in pair:
        function()
    for _ in range(repeats):
        for taken, function in zip(seconds, pair, strict=True):
            begun = time.perf_counter()
            function()
            taken.append(time.perf_counter() - begun)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    args = parser.parse_args()
    audio = np.random.default_rng(0).standard_normal((args.batch, int(args.seconds * 16_000))).astype(np.float32)
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    report = {
        "device": str(jax.devices()[0].device_kind),
        "machine": platform.processor() or platform.machine(),
        "commit": revision,
        "batch": args.batch,
        "clip_seconds": args.seconds,
        "dtype": args.dtype,
    }
    pair, operations = products()
    best = [operations / min(taken) / 1e9 for taken in measure(pair, 20)]
    report["matrix_product_gflops"] = dict(zip(("s3rl_jax", "pytorch"), map(round, best), strict=True))
    total = args.batch * args.seconds
    encoders = jax_encoder(audio, args.dtype), torch_encoder(audio, args.dtype)
    for name, pair in zip(("forward", "forward_backward"), zip(*encoders, strict=True), strict=True):
        taken = measure(pair, args.repeats)
        rates = {
            who: {"median": total / statistics.median(t), "least": total / max(t), "most": total / min(t)}
            for who, t in zip(("s3rl_jax", "pytorch"), taken, strict=True)
        }
        ratios = [torch_seconds / jax_seconds for jax_seconds, torch_seconds in zip(*taken, strict=True)]
        report[name] = {
            "audio_seconds_per_second": {who: {k: round(v, 2) for k, v in rate.items()} for who, rate in rates.items()},
            "ratio": {
                "median": round(statistics.median(ratios), 3),
                "least": round(min(ratios), 3),
                "most": round(max(ratios), 3),
            },
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
