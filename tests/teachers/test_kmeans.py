import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from s3rl_jax.audio.logmel import to_float
from s3rl_jax.core.errors import UserError
from s3rl_jax.models.teacher.codebook import look_up, nearest
from s3rl_jax.models.teacher.targets import TargetSelection, common_frame_count, teacher_targets
from s3rl_jax.teachers.kmeans import fit, load_or_fit_codebook
from tests.teachers.conftest import toy


def settings(**changes):
    return ConfigDict({"kind": "kmeans", "layer": 1, "clusters": 6, "batches": 5, "seed": 0, **changes})


@pytest.fixture(scope="module")
def teacher():
    return toy(quantizer=False)


def test_nearest_is_scikit_learns(rng):
    from sklearn.metrics import pairwise_distances_argmin

    hidden, centroids = rng.standard_normal((2, 9, 5)).astype(np.float32), rng.standard_normal((7, 5)).astype(np.float32)
    reference = pairwise_distances_argmin(hidden.reshape(-1, 5), centroids).reshape(2, 9, 1)
    np.testing.assert_array_equal(nearest(hidden, centroids), reference)


def test_look_up_joins_the_groups(rng):
    vectors, index = rng.standard_normal((2, 5, 3)), rng.integers(0, 5, (1, 4, 2))
    joined = look_up(vectors, index)
    for t in range(4):
        np.testing.assert_allclose(joined[0, t], np.concatenate([vectors[g, index[0, t, g]] for g in range(2)]), rtol=1e-6)


def test_the_fit_is_reproducible_and_near_a_full_k_means(teacher, crops):
    from sklearn.cluster import KMeans

    one, other = (fit(teacher, crops, 1, 6, 5, seed=0) for _ in range(2))
    np.testing.assert_array_equal(one.centroids, other.centroids)
    compute = jax.jit(lambda a, n: teacher_targets(teacher, TargetSelection((1,), frames=True), to_float(a), n)["hidden"])
    frames = []
    for step in range(5):
        batch = crops.batch(step, range(8))
        count = np.asarray(common_frame_count(teacher.config, batch["length"]))
        frames += [row[0, :n] for row, n in zip(np.asarray(compute(batch["audio"], batch["length"])), count, strict=True)]
    frames = np.concatenate(frames)
    np.testing.assert_allclose(one.mean, frames.mean(axis=0), atol=1e-4)

    def inertia(centroids):
        return np.square(frames[:, None] - centroids[None]).sum(-1).min(-1).sum()

    whole = KMeans(6, n_init=3, random_state=0).fit(frames)
    assert inertia(one.centroids) < 1.2 * whole.inertia_


def test_a_codebook_is_fitted_once_and_kept_beside_the_corpus(teacher, crops, tmp_path, monkeypatch):
    first = load_or_fit_codebook(teacher, crops, settings(), tmp_path)
    assert len(list(tmp_path.glob("kmeans-*.npz"))) == 1
    monkeypatch.setattr("s3rl_jax.teachers.kmeans.fit", lambda *_: pytest.fail("fitted again"))
    again = load_or_fit_codebook(teacher, crops, settings(), tmp_path)
    np.testing.assert_array_equal(first.centroids, again.centroids)
    monkeypatch.undo()
    load_or_fit_codebook(teacher, crops, settings(seed=1), tmp_path)
    assert len(list(tmp_path.glob("kmeans-*.npz"))) == 2


def test_the_quantiser_comes_first_where_there_is_one(crops, tmp_path):
    assert load_or_fit_codebook(toy(), crops, settings(kind="auto"), tmp_path) is None
    assert load_or_fit_codebook(toy(), crops, settings(kind="kmeans"), tmp_path).centroids.shape == (6, 16)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "random"}, "kind"),
        ({"kind": "quantizer"}, "no quantiser"),
        ({"layer": 9}, "layer"),
        ({"clusters": 1}, "clusters"),
        ({"clusters": 5000}, "too few"),
    ],
)
def test_settings_that_no_codebook_can_have_are_named(teacher, crops, tmp_path, changes, named):
    with pytest.raises(UserError, match=named):
        load_or_fit_codebook(teacher, crops, settings(**changes), tmp_path)


def test_a_file_that_is_no_codebook_is_named(teacher, crops, tmp_path):
    load_or_fit_codebook(teacher, crops, settings(), tmp_path)
    next(tmp_path.glob("*.npz")).write_bytes(b"PK no archive")
    with pytest.raises(UserError, match="not a codebook"):
        load_or_fit_codebook(teacher, crops, settings(), tmp_path)
