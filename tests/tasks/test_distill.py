import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import distill as config_file
from s3rl_jax.core.errors import UserError
from s3rl_jax.models.student.registry import build_student
from s3rl_jax.models.teacher.codebook import KMeansCodebook
from s3rl_jax.models.teacher.wav2vec2 import SIZES
from s3rl_jax.tasks.distill import distill
from s3rl_jax.tasks.objectives.comparison import parse_layers
from s3rl_jax.tasks.objectives.objective import StudentPass, delayed
from s3rl_jax.tasks.objectives.registry import OBJECTIVES
from tests.teachers.conftest import toy

TEACHER = SIZES["toy"]


def config(**losses):
    made = config_file.get_config("paper")
    made.student.size = "toy"
    made.distractors = 10
    for name in OBJECTIVES:
        made.loss[name] = losses.get(name, 0.0)
    return made


@pytest.fixture(scope="module")
def teacher():
    return toy(seed=9)


@pytest.fixture
def batch(rng):
    length = np.array([8240, 8240, 5000, 8240], np.int32)
    audio = rng.integers(-3000, 3000, (4, 8240)).astype(np.int16) * (np.arange(8240) < length[:, None])
    return {"audio": jnp.asarray(audio, jnp.int16), "length": jnp.asarray(length)}


def build(made, teacher, rng):
    noises = rng.integers(-3000, 3000, (3, 8240)).astype(np.int16)
    return distill(made, teacher, noises, np.zeros((0, 100), np.float32))


def run(task, batch, params=None):
    params = jax.jit(task.init)(jax.random.key(0), batch) if params is None else params
    targets = jax.jit(task.targets)(task.frozen, batch, jax.random.key(1))

    def loss(params):
        total, metrics, _ = task.loss(params, targets, batch, jax.random.key(2), task.weights(jnp.int32(0)))
        return total, metrics

    return jax.jit(jax.value_and_grad(loss, has_aux=True))(params)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_each_objective_alone_reaches_the_student(name, teacher, batch, rng):
    task = build(config(**{name: 1.0}), teacher, rng)
    (loss, metrics), gradient = run(task, batch)
    assert np.isfinite(float(loss))
    assert all(np.isfinite(float(value)) for value in metrics.values())
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient["student"]["layer_0"]))
    if OBJECTIVES[name].masked:
        assert "layer_logits" not in gradient, "the codebook needs no transformer layers"
    elif name == "layer_regression":
        assert not gradient["layer_logits"].any(), "each layer counts alike"
    else:
        assert np.abs(gradient["layer_logits"]).max() > 0


def test_equal_weights_of_the_layers_stay_equal(teacher, batch, rng):
    made = config(dual_view=1.0)
    made.layer_weights = "equal"
    (_, metrics), gradient = run(build(made, teacher, rng), batch)
    assert not gradient["layer_logits"].any()
    weights = [float(metrics[f"layer_weight_{layer}"]) for layer in range(TEACHER.layers + 1)]
    np.testing.assert_allclose(weights, 1 / len(weights), rtol=1e-6)


def test_layer_regression_is_the_mean_over_the_layers_of_the_distance_to_standardised_features(teacher, batch, rng):
    task = build(config(layer_regression=1.0), teacher, rng)
    params = jax.jit(task.init)(jax.random.key(0), batch)
    targets = jax.jit(task.targets)(task.frozen, batch, jax.random.key(1))
    (loss, _), _ = run(task, batch, params)
    encode = jax.jit(functools.partial(build_student(config().student).apply, train=True))
    hidden = encode({"params": params["student"]}, targets["frames"], targets["valid"], None)
    head, valid = params["layer_heads"], np.asarray(targets["valid"])
    predicted = np.asarray(hidden, np.float64) @ np.asarray(head["kernel"], np.float64) + np.asarray(head["bias"], np.float64)
    terms = []
    for layer in range(TEACHER.layers + 1):
        answers = np.asarray(targets["hidden"][:, layer], np.float64)
        frames = answers[valid]
        expected = (answers - frames.mean(axis=0)) / np.sqrt(frames.var(axis=0) + 1e-6)
        answer = predicted[..., layer * TEACHER.hidden_size : (layer + 1) * TEACHER.hidden_size]
        for one, other in zip(expected[valid], answer[valid], strict=True):
            cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
            terms.append(np.abs(one - other).mean() + np.log1p(np.exp(-cosine)))
    np.testing.assert_allclose(float(loss), np.mean(terms), rtol=1e-4)


def test_weights_are_arrays_that_scale_the_terms(teacher, batch, rng):
    task = build(config(feature_view=1.0, gamma=1.0), teacher, rng)
    params = jax.jit(task.init)(jax.random.key(0), batch)
    targets = jax.jit(task.targets)(task.frozen, batch, jax.random.key(1))
    weights = task.weights(jnp.int32(0))

    def loss(gamma):
        return task.loss(params, targets, batch, jax.random.key(2), weights | {"gamma": gamma})[0]

    several = jax.jit(jax.vmap(loss))(jnp.array([0.0, 1.0, 3.0]))
    np.testing.assert_allclose(several[2] - several[0], 3 * (several[1] - several[0]), rtol=1e-4)


def test_the_teacher_hears_clean_audio_and_the_student_noise(teacher, batch, rng):
    made = config(dual_view=1.0, gamma=1.0)
    made.augment.noise_probability = 1.0
    task = build(made, teacher, rng)
    targets = jax.jit(task.targets)
    one, other = (targets(task.frozen, batch, jax.random.key(seed)) for seed in (1, 2))
    np.testing.assert_array_equal(one["means"], other["means"])
    np.testing.assert_array_equal(one["codes"], other["codes"])
    assert not np.allclose(one["frames"], other["frames"])


def test_the_teacher_is_no_parameter(teacher, batch, rng):
    task = build(config(dual_view=1.0, gamma=1.0), teacher, rng)
    assert set(jax.jit(task.init)(jax.random.key(0), batch)) == {"student", "projection", "layer_logits", "code_projection"}


def test_padding_changes_nothing(teacher, batch, rng):
    made = config(dual_view=1.0, gamma=1.0)
    made.augment.noise_probability = 0.0
    task = build(made, teacher, rng)
    targets = jax.jit(task.targets)(task.frozen, batch, jax.random.key(1))
    alone = {"audio": batch["audio"][2:3, :5000], "length": batch["length"][2:3]}
    short = jax.jit(task.targets)(task.frozen, alone, jax.random.key(1))
    np.testing.assert_allclose(targets["means"][2], short["means"][0], atol=1e-4)
    assert not targets["mask"][2, targets["valid"][2].sum() :].any()


def test_layer_ranges():
    assert parse_layers("all", 3) == [0, 1, 2, 3]
    assert parse_layers("1-2", 3) == [1, 2]
    assert parse_layers("0,2-3", 3) == [0, 2, 3]
    for wrong in ("2-9", "x", "", "3-1", "1,1", "-1"):
        with pytest.raises(UserError, match=r"config\.teacher\.layers"):
            parse_layers(wrong, 3)


def test_no_objective_is_an_error(teacher, rng):
    with pytest.raises(UserError, match=r"config\.loss"):
        build(config(), teacher, rng)


def flops(task, batch):
    return jax.jit(task.targets).lower(task.frozen, batch, jax.random.key(1)).cost_analysis()["flops"]


def test_only_as_much_of_the_teacher_runs_as_is_needed(batch, rng):
    """The convolutions and the quantiser for the codebook; the transformer up to the highest layer that is selection."""
    large, cost = toy(layers=6, hidden_size=64, ffn_size=256, heads=4), {}
    for name, layers in (("gamma", "all"), ("dual_view", "0-1"), ("dual_view", "5"), ("dual_view", "all")):
        made = config(**{name: 1.0})
        made.teacher.layers = layers
        cost[name, layers] = flops(build(made, large, rng), batch)
    assert cost["gamma", "all"] < cost["dual_view", "0-1"] < cost["dual_view", "5"] < cost["dual_view", "all"]
    a_layer = cost["dual_view", "all"] - cost["dual_view", "5"]
    assert cost["dual_view", "0-1"] + 3.8 * a_layer < cost["dual_view", "5"]


def test_a_teacher_without_a_quantiser_teaches_by_k_means(batch, rng):
    codebook = KMeansCodebook(2, jnp.asarray(rng.standard_normal((7, 16)), jnp.float32), jnp.zeros(16))
    task = build(config(gamma=1.0, code_classes=1.0), toy(quantizer=False)._replace(codebook=codebook), rng)
    targets = jax.jit(task.targets)(task.frozen, batch, jax.random.key(1))
    assert len(np.unique(targets["index"])) > 1
    np.testing.assert_allclose(targets["codes"], codebook.centroids[targets["index"][..., 0]], rtol=1e-6)
    (loss, metrics), gradient = run(task, batch)
    assert {"codebook", "codebook_accuracy", "code_classes", "class_accuracy"} <= set(metrics)
    assert np.abs(gradient["code_logits"]["kernel"]).max() > 0
    assert np.isfinite(float(loss))


def test_a_separate_pass_gives_each_objective_the_input_that_it_has_alone(teacher, batch, rng):
    """The views as without the codebook, the codebook as without the views; in one pass the views see masked frames."""
    values = {}
    for name, losses, separate in (
        ("views", {"dual_view": 1.0}, False),
        ("codebook", {"gamma": 1.0}, False),
        ("one pass", {"dual_view": 1.0, "gamma": 1.0}, False),
        ("two passes", {"dual_view": 1.0, "gamma": 1.0}, True),
    ):
        settings = config(**losses)
        settings.mask.separate_pass, settings.augment.noise_probability = separate, 0.0
        (_, values[name]), _ = run(build(settings, teacher, rng), batch)
    both = values["two passes"]
    np.testing.assert_allclose(both["log_feature_view"], values["views"]["log_feature_view"], rtol=1e-6)
    np.testing.assert_allclose(both["codebook"], values["codebook"]["codebook"], rtol=1e-6)
    assert abs(values["one pass"]["log_feature_view"] - values["views"]["log_feature_view"]) > 1e-4


def test_a_late_student_answers_frame_t_with_its_output_at_t_plus_the_delay():
    hidden = jnp.arange(10.0).reshape(1, 5, 2).repeat(2, axis=0)
    valid, mask = jnp.arange(5) < jnp.array([[5], [4]]), jnp.zeros((2, 5), bool).at[:, 1:4].set(True)
    late = delayed(StudentPass(hidden, valid, mask), 2)
    np.testing.assert_array_equal(late.hidden[:, :3], hidden[:, 2:])
    np.testing.assert_array_equal(late.valid, [[1, 1, 1, 0, 0], [1, 1, 0, 0, 0]])
    np.testing.assert_array_equal(late.mask, [[0, 1, 1, 0, 0], [0, 1, 0, 0, 0]])
    assert delayed(late, 0) is late


@pytest.mark.parametrize("name", ["dual_view", "gamma", "frame_regression"])
def test_a_late_student_is_trained_by_each_kind_of_objective(name, teacher, batch, rng):
    late = config(**{name: 1.0})
    late.delay_frames = 3
    (loss, _), gradient = run(build(late, teacher, rng), batch)
    assert np.isfinite(float(loss))
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradient["student"])) > 0
