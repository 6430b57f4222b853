import dataclasses
import functools
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import distill as config_file
from s3rl_jax.audio.logmel import to_float
from s3rl_jax.batches.crops import Crops
from s3rl_jax.batches.plan import Pieces
from s3rl_jax.core.errors import UserError
from s3rl_jax.engine.job import Inputs, Job
from s3rl_jax.engine.loop import train
from s3rl_jax.models.teacher.targets import TargetSelection, common_frame_count, targets_from_cache, teacher_targets
from s3rl_jax.models.teacher.wav2vec2 import SIZES
from s3rl_jax.tasks.distill import distill, selection_of
from s3rl_jax.teachers.cached_targets import RECORD, cached_targets
from s3rl_jax.teachers.stretches import STRETCH_SAMPLES, Stretches
from tests.teachers.conftest import EVENLY, toy

ALL = TargetSelection((0, 2), means=True, frames=True, codes=True)
FILE_BYTES = 2 * 2 * 16 * 100  # two layers of 16 numbers of 100 frames: several files


@pytest.fixture(scope="module")
def teacher():
    return toy()


def cached(teacher, selection, crops, folder):
    return cached_targets(teacher, selection, crops, folder, FILE_BYTES)


@pytest.fixture(scope="module")
def complete(teacher, crops, tmp_path_factory) -> Path:
    """A cache of all answers."""
    folder = tmp_path_factory.mktemp("complete")
    cached(teacher, ALL, crops, folder)
    return folder


@pytest.fixture
def folder(complete, tmp_path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(complete, tmp_path / "targets")


def test_the_cache_holds_what_the_teacher_answers_to_the_whole_recording(teacher, crops, folder):
    """For three crops, as each length of a recording is a program of its own; the audio is compared for all."""
    source, answers = cached(teacher, ALL, crops, folder), jax.jit(functools.partial(teacher_targets, teacher, ALL))
    batch, pieces = source.batch(3, range(8)), source.plan(3, range(8))["pieces"]
    assert len(list(folder.glob("hidden-*.npy"))) > 3
    within = np.argsort(pieces.start[:, 0])[-3:].tolist()
    assert pieces.start[within[-1], 0] > 0, "some crop begins within its recording"
    for row, (recording, start, _, count) in enumerate(np.stack(pieces, axis=-1)[:, 0].tolist()):
        whole = crops.clips.audio(recording)
        np.testing.assert_array_equal(batch["audio"][row, :count], whole[start : start + count])
        assert batch["length"][row] == count
        if row not in within:
            continue
        live = answers(to_float(jnp.asarray(whole))[None], jnp.array([len(whole)]))
        frames, first = common_frame_count(teacher.config, count), start // 320
        np.testing.assert_array_equal(batch["teacher_index"][row, :frames], live["index"][0, first : first + frames])
        expected = np.moveaxis(live["hidden"][0, :, first : first + frames], 0, 1)
        kept = np.asarray(batch["teacher_hidden"][row, :frames], np.float32)
        assert np.abs(kept - expected).max() < 1e-2 * np.abs(expected).max()
        assert not batch["teacher_hidden"][row, frames:].any()
        np.testing.assert_allclose(
            targets_from_cache(ALL._replace(codes=False), {"hidden": kept[None]}, np.ones((1, frames), bool))["means"][0],
            kept.mean(axis=0),
            atol=1e-5,
        )


@given(st.data())
def test_a_crop_lies_in_one_stretch_and_begins_with_one_of_its_frames(data):
    length = np.array(data.draw(st.lists(st.integers(6400, 2_000_000), min_size=1, max_size=6)))
    crop = data.draw(st.integers(6400, 64_000))
    cropped = np.flatnonzero([data.draw(st.booleans()) for _ in length[1:]] + [True])
    stretches = Stretches.of(length, cropped, SIZES["toy"], data.draw(st.integers(1, 4000)))
    assert stretches.samples.max() <= STRETCH_SAMPLES
    assert np.bincount(stretches.recording, stretches.samples, len(length))[cropped].tolist() == length[cropped].tolist()
    for file in range(stretches.files):  # a file has a row for each frame of its stretches, and no more
        here = np.flatnonzero(stretches.file == file)
        assert stretches.row[here].tolist() == (np.cumsum(stretches.frames[here]) - stretches.frames[here]).tolist()
        assert len(here)
    recording = np.array(data.draw(st.lists(st.sampled_from(cropped.tolist()), min_size=1, max_size=5)))
    start = np.array([data.draw(st.integers(0, max(0, int(length[row]) - crop))) for row in recording])
    count = np.minimum(length[recording] - start, crop)
    pieces = Pieces(*(column[:, None] for column in (recording, start, np.zeros_like(start), count)))
    moved, stretch, frame = stretches.snapped(pieces, crop)
    begin, end = moved.start[:, 0], moved.start[:, 0] + moved.count[:, 0]
    assert (moved.recording == pieces.recording).all()
    assert (stretches.recording[stretch] == recording).all()
    assert (begin == stretches.start[stretch] + 320 * frame).all()
    assert (end <= stretches.start[stretch] + stretches.samples[stretch]).all()
    assert (moved.count[:, 0] >= np.minimum(crop, stretches.samples[stretch]) - 320).all()


def test_an_interrupted_pass_goes_on_with_the_shard_that_is_missing(teacher, crops, folder):
    files = sorted(folder.glob("*.npy"))
    kept = {path: path.stat().st_mtime_ns for path in files}
    lost = folder / "hidden-000001.npy"
    before = lost.read_bytes()
    lost.unlink()
    (folder / "hidden-000001.tmp").write_bytes(before[:100])  # what a kill leaves
    cached(teacher, ALL, crops, folder)
    assert lost.read_bytes() == before
    again = {path for path in files if path.stat().st_mtime_ns != kept[path]}
    assert again == {path for path in files if path.name.endswith("000001.npy")}


def test_targets_of_another_teacher_layers_or_crops_are_refused(teacher, crops, clips, folder):
    fewer_stretches = Crops.of(clips, 32_000, 8, 0, 30_000, EVENLY)
    for other, selection, cut, named in (
        (toy(seed=1), ALL, crops, "teacher"),
        (teacher, ALL._replace(layers=(0, 1)), crops, "layers"),
        (teacher, ALL, fewer_stretches, "stretches"),
    ):
        with pytest.raises(UserError, match=f"{named} was"):
            cached(other, selection, cut, folder)
    fewer = clips.columns["id"].copy()
    fewer[0] = "another.wav"
    other = dataclasses.replace(clips, columns=clips.columns | {"id": fewer})
    renamed = Crops.of(other, 12_880, 8, 0, 4800, EVENLY)
    with pytest.raises(UserError, match="corpus was"):
        cached(teacher, ALL, renamed, folder)
    (folder / RECORD).write_text("[]")
    with pytest.raises(UserError, match="not a file that s3rl_jax wrote"):
        cached(teacher, ALL, crops, folder)


def test_a_folder_serves_runs_that_need_less(teacher, crops, folder):
    everything = cached(teacher, ALL, crops, folder).batch(1, range(8))
    files = {path: path.stat().st_mtime_ns for path in folder.glob("*.npy")}
    less = cached(teacher, TargetSelection((2,), means=True), crops, folder).batch(1, range(8))
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.npy")} == files
    np.testing.assert_array_equal(less["teacher_hidden"][:, :, 0], everything["teacher_hidden"][:, :, 1])
    next(iter(files)).unlink()
    with pytest.raises(UserError, match="not complete"):
        cached(teacher, TargetSelection((2,), means=True), crops, folder)


def test_distilling_whole_recordings_from_the_cache_equals_distilling_live(teacher, clips, tmp_path):
    crops = Crops.of(clips, 72_080, 8, 0, 4800, EVENLY)
    assert clips.columns["samples"].max() <= crops.samples
    config = config_file.get_config("paper")
    config.student.size, config.distractors, config.batch_size = "toy", 10, 8
    config.steps = config.log_every = config.checkpoint_every = 6
    config.loss.frame_regression = config.loss.code_classes = 1.0
    noises = np.random.default_rng(1).integers(-3000, 3000, (3, 72_080)).astype(np.int16)
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
