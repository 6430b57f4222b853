import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import distill as config_file
from s3rl_jax.audio.logmel import to_float
from s3rl_jax.batches.crops import Crops
from s3rl_jax.core.errors import UserError
from s3rl_jax.engine.job import Inputs, Job
from s3rl_jax.engine.loop import train
from s3rl_jax.models.teacher.targets import TargetSelection, teacher_targets
from s3rl_jax.tasks.distill import distill, selection_of
from s3rl_jax.teachers.cached_targets import RECORD, cached_targets
from tests.teachers.conftest import EVENLY, toy

ALL = TargetSelection((0, 2), means=True, frames=True, codes=True)


@pytest.fixture(scope="module")
def teacher():
    return toy()


def cached(teacher, selection, crops, folder):
    return cached_targets(teacher, selection, crops, folder, crops_a_shard=16)


def test_the_cache_holds_the_teachers_targets(teacher, crops, tmp_path):
    batch = cached(teacher, ALL, crops, tmp_path).batch(3, range(8))
    live = teacher_targets(teacher, ALL, to_float(jnp.asarray(batch["audio"])), jnp.asarray(batch["length"]))
    np.testing.assert_array_equal(batch["teacher_index"], live["index"])
    for name in ("means", "hidden"):
        kept, reference = np.asarray(batch[f"teacher_{name}"], np.float32), np.asarray(live[name])
        assert np.abs(kept - reference).max() < 1e-2 * np.abs(reference).max(), name
    plain = crops.batch(3, range(8))
    np.testing.assert_array_equal(batch["audio"], plain["audio"])


def test_fixed_crops_cover_every_recording_and_are_the_same_in_each_epoch(clips):
    crops = Crops.of(clips, 12_880, 8, 0, 4800, EVENLY, fixed=True)
    seen, (recordings, _) = {}, crops.index.locate(np.arange(len(crops)))
    for segment in range(len(crops)):
        seen.setdefault(int(recordings[segment]), []).append(crops.grid_batch(np.array([segment])))
    for row, cuts in seen.items():
        recording = clips.audio(row)
        if len(recording) > crops.samples:
            assert np.array_equal(cuts[0]["audio"][0], recording[: crops.samples])
            assert np.array_equal(cuts[-1]["audio"][0], recording[-crops.samples :])
    steps = range(0, 2 * len(crops), 8)
    order = np.concatenate([crops.numbers(step // 8, range(8)) for step in steps])[: 2 * len(crops)]
    one, other = np.split(order, 2)
    np.testing.assert_array_equal(np.sort(one), np.arange(len(crops)))
    np.testing.assert_array_equal(np.sort(other), np.arange(len(crops)))
    assert not np.array_equal(one, other)


def test_an_interrupted_pass_goes_on_with_the_shard_that_is_missing(teacher, crops, tmp_path):
    cached(teacher, ALL, crops, tmp_path)
    files = sorted(tmp_path.glob("*.npy"))
    kept = {path: path.stat().st_mtime_ns for path in files}
    lost = tmp_path / "hidden-000001.npy"
    before = lost.read_bytes()
    lost.unlink()
    (tmp_path / "hidden-000001.tmp").write_bytes(before[:100])  # what a kill leaves
    cached(teacher, ALL, crops, tmp_path)
    assert lost.read_bytes() == before
    again = {path for path in files if path.stat().st_mtime_ns != kept[path]}
    assert again == {path for path in files if path.name.endswith("000001.npy")}


def test_targets_of_another_teacher_layers_or_crops_are_refused(teacher, crops, clips, tmp_path):
    cached(teacher, ALL, crops, tmp_path)
    shorter = Crops.of(clips, 9680, 8, 0, 4800, EVENLY, fixed=True)
    for other, selection, cut, named in (
        (toy(seed=1), ALL, crops, "teacher"),
        (teacher, ALL._replace(layers=(1,)), crops, "layers"),
        (teacher, ALL._replace(codes=False), crops, "codes"),
        (teacher, ALL, shorter, "crop_samples"),
    ):
        with pytest.raises(UserError, match=f"{named} was"):
            cached(other, selection, cut, tmp_path)
    fewer = clips.columns["id"].copy()
    fewer[0] = "another.wav"
    other = dataclasses.replace(clips, columns=clips.columns | {"id": fewer})
    renamed = Crops.of(other, 12_880, 8, 0, 4800, EVENLY, fixed=True)
    with pytest.raises(UserError, match="corpus was"):
        cached(teacher, ALL, renamed, tmp_path)
    (tmp_path / RECORD).write_text("[]")
    with pytest.raises(UserError, match="not a file that s3rl_jax wrote"):
        cached(teacher, ALL, crops, tmp_path)


def test_distilling_from_the_cache_equals_distilling_live(teacher, crops, tmp_path):
    config = config_file.get_config()
    config.student.size, config.distractors, config.batch_size = "toy", 10, 8
    config.steps = config.log_every = config.checkpoint_every = 6
    config.loss.frame_regression = config.loss.code_classes = 1.0
    noises = np.random.default_rng(1).integers(-3000, 3000, (3, 12_880)).astype(np.int16)
    ended, losses = {}, {}
    for from_cache in (False, True):
        config.teacher.cache = from_cache
        selection = selection_of(config, teacher.config.layers)
        source = cached(teacher, selection, crops, tmp_path / "targets") if from_cache else crops
        task = distill(config, teacher, noises, np.zeros((0, 100), np.float32))
        assert ("teacher" in task.frozen) != from_cache, "the cache needs no teacher on the accelerator"

        def batches(first, last, source=source):
            return (source.batch(step, range(8)) for step in range(first, last))

        ended[from_cache] = train(Job(task, Inputs(batches), config, "distil"), tmp_path / f"run-{from_cache}")
        losses[from_cache] = json.loads((tmp_path / f"run-{from_cache}/metrics.jsonl").read_text().splitlines()[-1])
    for name in ("log_feature_view", "log_batch_view", "codebook", "frame_regression", "loss"):
        assert losses[True][name] == pytest.approx(losses[False][name], rel=1e-2), name
    live, from_disk = (jax.tree.leaves(ended[from_cache]["student"]) for from_cache in (False, True))
    distance = np.sqrt(sum(np.square(a - b).sum() for a, b in zip(live, from_disk, strict=True)))
    assert distance < 1e-2 * np.sqrt(sum(np.square(a).sum() for a in live))


def test_a_bfloat16_teacher_computes_in_it_about_the_same_targets(teacher, crops):
    narrow = teacher._replace(params=jax.tree.map(lambda p: p.astype("bfloat16"), teacher.params))
    batch, selection, targets = crops.batch(0, range(8)), ALL._replace(codes=False), {}
    for name, each in (("float32", teacher), ("bfloat16", narrow)):
        run = jax.jit(lambda audio, length, each=each: teacher_targets(each, selection, to_float(audio), length))
        targets[name] = run(batch["audio"], batch["length"])
        program = run.lower(batch["audio"], batch["length"]).as_text().splitlines()
        convolutions = [line for line in program if "stablehlo.convolution" in line]
        assert convolutions
        assert all(("bf16" in line) == (name == "bfloat16") for line in convolutions)
    for name, value in targets["bfloat16"].items():
        assert value.dtype == "float32"
        assert np.abs(value - targets["float32"][name]).max() < 0.1 * np.abs(targets["float32"][name]).max()
