import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import pretrain as config_file
from s3rl_jax.core.errors import UserError
from s3rl_jax.tasks.pretrain import collapse_warnings, pretrain


def config(variant):
    made = config_file.get_config(variant)
    made.student.size = "toy"
    made.distractors = 10
    return made


def loss_and_gradient(task):
    def loss(*arguments):
        total, metrics, _ = task.loss(*arguments)
        return total, metrics

    return jax.value_and_grad(loss, has_aux=True)


@pytest.fixture
def batch(rng):
    # Notes of a quarter of a second each: what a frame sounds like follows from its neighbours.
    time = np.arange(16_000) / 16_000
    notes = np.repeat(rng.uniform(200, 3000, (8, 4)), 4000, axis=1)
    audio = (8000 * np.sin(2 * np.pi * notes * time)).astype(np.int16)
    return {"audio": jnp.asarray(audio), "length": jnp.full(8, 16_000, jnp.int32)}


@pytest.mark.parametrize(("variant", "steps", "rate"), [("teacher", 100, 2e-3), ("student", 250, 5e-3)])
def test_learns_without_collapse(variant, steps, rate, batch):
    task = pretrain(config(variant))
    params = jax.jit(task.init)(jax.random.key(0), batch)
    transform = optax.adam(rate)

    @jax.jit
    def step(params, state, n):
        targets_rng, loss_rng = jax.random.split(jax.random.fold_in(jax.random.key(1), n))
        targets = task.targets(task.frozen, batch, targets_rng)
        (_, metrics), gradient = loss_and_gradient(task)(params, targets, batch, loss_rng, task.weights(n))
        updates, state = transform.update(gradient, state)
        return optax.apply_updates(params, updates), state, metrics, gradient

    state, said = transform.init(params), []
    for n in range(steps):
        params, state, metrics, gradient = step(params, state, jnp.int32(n))
        said.append({name: float(value) for name, value in metrics.items()})
        if n == 0:
            silent = {
                jax.tree_util.keystr(p) for p, g in jax.tree_util.tree_leaves_with_path(gradient) if not np.abs(g).max() > 0
            }
            # A key's bias shifts all scores of a query alike: its gradient is zero but for rounding.
            assert all("k_proj" in name for name in silent), silent
    first, last = (np.mean([m["contrastive"] for m in part]) for part in (said[:10], said[-10:]))

    assert last < 0.93 * first
    assert said[-1]["codebook_perplexity"] > 2.5, "two groups with one entry each would be collapse"
    assert said[-1]["temperature"] < said[0]["temperature"]


def toy(**changes):
    made = config("teacher")
    made.teacher.size = "toy"
    made.update_from_flattened_dict(changes)
    return made


def test_bfloat16_computes_the_same_roughly_and_keeps_float32_parameters(batch):
    said = {}
    for dtype in ("float32", "bfloat16"):
        task = pretrain(toy(dtype=dtype))
        params = jax.jit(task.init)(jax.random.key(0), batch)
        targets = task.targets(task.frozen, batch, jax.random.key(1))
        run = jax.jit(loss_and_gradient(task))
        (loss, _), gradient = run(params, targets, batch, jax.random.key(2), task.weights(jnp.int32(0)))
        assert {leaf.dtype for leaf in jax.tree.leaves((params, gradient, loss))} == {jnp.dtype("float32")}
        said[dtype] = float(loss)
        said[dtype, "program"] = run.lower(params, targets, batch, jax.random.key(2), task.weights(jnp.int32(0))).as_text()
    assert said["bfloat16"] == pytest.approx(said["float32"], rel=0.03)
    assert said["bfloat16"] != said["float32"]
    assert "bf16" in said["bfloat16", "program"]
    assert "bf16" not in said["float32", "program"]


def test_what_is_measured_has_no_noise_of_training(batch):
    task = pretrain(toy())
    params = jax.jit(task.init)(jax.random.key(0), batch)
    targets = task.targets(task.frozen, batch, jax.random.key(1))
    early, late = (
        jax.jit(task.measure)(params, targets, batch, jax.random.key(2), task.weights(jnp.int32(step))) for step in (0, 3000)
    )
    assert early == late, "the temperature belongs to training"
    assert set(early) == {"contrastive", "accuracy", "codebook_perplexity", "feature_penalty"}


@pytest.mark.parametrize(
    ("perplexity", "contrastive", "done", "said"),
    [
        (90.0, 3.0, 0.5, []),
        (9.0, 3.0, 0.5, ["collapsing: about 9 of its 128 entries"]),
        (9.0, 3.0, 0.01, []),
        (90.0, 4.61, 0.5, ["nothing is learned"]),
        (90.0, 4.61, 0.1, []),
        (2.0, 4.61, 0.9, ["collapsing", "nothing is learned"]),
    ],
)
def test_collapse_is_said_in_plain_words(perplexity, contrastive, done, said):
    metrics = {"codebook_perplexity": perplexity, "contrastive": contrastive}
    found = collapse_warnings(metrics, done, groups=2, entries=64, distractors=100)
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))


def test_a_dtype_that_does_not_exist_is_named():
    with pytest.raises(UserError, match=r"config\.dtype='int8'"):
        pretrain(toy(dtype="int8"))


@pytest.mark.parametrize(("field", "value"), [("model", "both"), ("teacher.size", "huge")])
def test_what_does_not_exist_is_named(field, value):
    made = config("teacher")
    made.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=f"config.{field}='?{value}"):
        pretrain(made)
