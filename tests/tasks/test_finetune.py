import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import finetune as config_file
from s3rl_jax.core.errors import UserError
from s3rl_jax.engine.optimizer import optimizer
from s3rl_jax.engine.step import make_step
from s3rl_jax.models.detector import keyword_model
from s3rl_jax.models.student.registry import build_student, initialise
from s3rl_jax.runs.state import TrainState
from s3rl_jax.tasks.finetune import finetune


def build(encoder="trained", initial=None, size="toy", **changes):
    config = config_file.get_config()
    config.student.size, config.encoder = size, encoder
    config.data.window_seconds, config.data.lead_seconds = 0.24, 0.05
    config.update(changes)
    return config, finetune(
        config, keyword_model(config, 2), initial, np.zeros((1, 5120), np.int16) + 5, np.zeros((0, 100), np.float32)
    )


@pytest.fixture
def batch(rng):
    audio = rng.integers(-3000, 3000, (6, 5120)).astype(np.int16)
    return {"audio": jnp.asarray(audio), "length": jnp.full(6, 5120), "label": jnp.array([0, 1, 0, 1, 0, 0])}


def gradient(task, params, batch):
    targets = jax.jit(task.targets)(task.frozen, batch, jax.random.key(1))
    loss = lambda p: task.loss(p, targets, batch, jax.random.key(2), task.weights(jnp.int32(0)))[0]  # noqa: E731
    return jax.jit(jax.grad(loss))(params)


def test_begins_with_the_student_it_is_given(batch):
    initial = initialise(build_student(build()[0].student), jax.random.key(5))
    _, task = build(initial=initial)
    params = jax.jit(task.init)(jax.random.key(0), batch)
    jax.tree.map(np.testing.assert_array_equal, params["student"], initial["student"])


def test_a_frozen_encoder_does_not_move_and_the_head_does(batch):
    config, task = build("frozen")
    params = jax.jit(task.init)(jax.random.key(0), batch)
    transform = optimizer(config.optimizer, 10, task.trainable)
    updates, _ = transform.update(gradient(task, params, batch), transform.init(params), params)
    assert all(not leaf.any() for leaf in jax.tree.leaves(updates["student"]))
    trained = gradient(build()[1], params, batch)
    assert np.abs(trained["student"]["projection"]["kernel"]).max() > 0
    assert np.abs(gradient(task, params, batch)["head"]["linear"]["kernel"]).max() > 0


def test_class_weights_weigh_the_classes(batch):
    params = jax.jit(build()[1].init)(jax.random.key(0), batch)
    only_keyword = gradient(build(class_weights=(0.0, 1.0))[1], params, batch)
    # With the weight on the keyword alone, the bias is pushed towards it.
    bias = only_keyword["head"]["linear"]["bias"]
    assert bias[1] < 0 < bias[0]


def test_the_weight_of_negatives_grows_to_its_factor_at_the_last_step(batch):
    config, task = build(negative_growth=5.0)
    assert [float(task.weights(jnp.int32(share * config.steps // 4))["negative"]) for share in (0, 1, 4)] == [1.0, 2.0, 5.0]
    params = jax.jit(build()[1].init)(jax.random.key(0), batch)
    targets = jax.jit(task.targets)(task.frozen, batch, jax.random.key(1))

    def loss(task, step):
        return float(jax.jit(task.loss)(params, targets, batch, jax.random.key(2), task.weights(jnp.int32(step)))[0])

    assert loss(task, 0) == loss(build()[1], 0)
    assert loss(task, config.steps) == pytest.approx(loss(build(class_weights=(5.0, 1.0))[1], 0), rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "field"), [({"class_weights": (1.0, 1.0, 1.0)}, "class_weights"), ({"encoder": "half"}, "encoder")]
)
def test_wrong_fields_are_named(changes, field):
    with pytest.raises(UserError, match=f"config.{field}"):
        build(**changes)


def two_steps(config, task, batch):
    """Two, as the learning rate of the first is 0."""
    transform = optimizer(config.optimizer, 20, task.trainable)
    params = jax.jit(task.init)(jax.random.key(0), batch)
    step = jax.jit(make_step(task, transform, 0))
    state, _ = step(TrainState(jnp.int32(0), params, transform.init(params)), task.frozen, batch)
    return params, *step(state, task.frozen, batch)


def test_batch_norm_statistics_follow_the_batches_and_are_no_metric(batch):
    config, task = build(size="conv_toy")
    before, after, metrics = two_steps(config, task, batch)
    assert "statistics" not in metrics
    moved = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), before["statistics"], after.params["statistics"])
    assert min(jax.tree.leaves(moved)) > 0
    _, task = build("frozen", size="conv_toy")
    before, after, _ = two_steps(config, task, batch)
    jax.tree.map(np.testing.assert_array_equal, before["statistics"], after.params["statistics"])


@pytest.mark.parametrize("size", ["toy", "conv_toy"])
def test_quantisation_aware_training_goes_on_from_a_detector(batch, size):
    config, task = build(size=size)
    trained = two_steps(config, task, batch)[1].params
    config, task = build(size=size, initial=trained, quantization_aware=True)
    before, after, metrics = two_steps(config, task, batch)
    jax.tree.map(np.testing.assert_array_equal, before, trained)
    assert np.abs(after.params["student"]["projection"]["kernel"] - before["student"]["projection"]["kernel"]).max() > 0
    assert np.isfinite(metrics["loss"])
    if size == "conv_toy":
        jax.tree.map(np.testing.assert_array_equal, after.params["statistics"], before["statistics"])


def test_another_speaker_changes_the_features_and_not_the_label(batch):
    config, task = build()
    plain = task.targets(task.frozen, batch, jax.random.key(1))["frames"]
    config.augment.vocal_tract_probability = config.augment.pitch_probability = 1.0
    config.augment.noise_probability = 0.0
    other = finetune(config, keyword_model(config, 2), None, np.zeros((0, 5120), np.int16), np.zeros((0, 100), np.float32))
    changed = other.targets(other.frozen, batch, jax.random.key(1))["frames"]
    assert changed.shape == plain.shape
    assert np.isfinite(changed).all()
    identity = config.copy_and_resolve_references()
    identity.augment.pitch, identity.augment.vocal_tract = (1.0, 1.0), (1.0, 1.0)
    same = finetune(identity, keyword_model(config, 2), None, np.zeros((0, 5120), np.int16), np.zeros((0, 100), np.float32))
    config.augment.vocal_tract_probability = config.augment.pitch_probability = 0.0
    off = finetune(config, keyword_model(config, 2), None, np.zeros((0, 5120), np.int16), np.zeros((0, 100), np.float32))
    np.testing.assert_allclose(
        same.targets(same.frozen, batch, jax.random.key(1))["frames"],
        off.targets(off.frozen, batch, jax.random.key(1))["frames"],
        atol=2e-3,
    )
    assert np.abs(changed - off.targets(off.frozen, batch, jax.random.key(1))["frames"]).mean() > 0.02
