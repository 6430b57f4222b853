import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import finetune as config_file
from s3rl_jax.errors import UserError
from s3rl_jax.models.students import initialise, student_of
from s3rl_jax.tasks.finetune import finetune, keyword_model
from s3rl_jax.training.optimizer import optimizer


def build(encoder="trained", initial=None, **changes):
    config = config_file.get_config()
    config.student.size, config.encoder = "toy", encoder
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
    targets = task.targets(task.frozen, batch, jax.random.key(1))
    return jax.grad(lambda p: task.loss(p, targets, batch, jax.random.key(2), task.weights(jnp.int32(0)))[0])(params)


def test_begins_with_the_student_it_is_given(batch):
    initial = initialise(student_of(build()[0].student), jax.random.key(5))
    _, task = build(initial=initial)
    params = task.init(jax.random.key(0), batch)
    jax.tree.map(np.testing.assert_array_equal, params["student"], initial["student"])


def test_a_frozen_encoder_does_not_move_and_the_head_does(batch):
    config, task = build("frozen")
    params = task.init(jax.random.key(0), batch)
    transform = optimizer(config.optimizer, 10, task.trainable)
    updates, _ = transform.update(gradient(task, params, batch), transform.init(params), params)
    assert all(not leaf.any() for leaf in jax.tree.leaves(updates["student"]))
    trained = gradient(build()[1], params, batch)
    assert np.abs(trained["student"]["projection"]["kernel"]).max() > 0
    assert np.abs(gradient(task, params, batch)["head"]["linear"]["kernel"]).max() > 0


def test_class_weights_weigh_the_classes(batch):
    params = build()[1].init(jax.random.key(0), batch)
    only_keyword = gradient(build(class_weights=(0.0, 1.0))[1], params, batch)
    # With the weight on the keyword alone, the bias is pushed towards it.
    bias = only_keyword["head"]["linear"]["bias"]
    assert bias[1] < 0 < bias[0]


@pytest.mark.parametrize(
    ("changes", "field"), [({"class_weights": (1.0, 1.0, 1.0)}, "class_weights"), ({"encoder": "half"}, "encoder")]
)
def test_wrong_fields_are_named(changes, field):
    with pytest.raises(UserError, match=f"config.{field}"):
        build(**changes)
