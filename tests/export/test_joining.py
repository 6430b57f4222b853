"""Heads that were trained on one cached encoder, joined in one file: each keyword fires by its own threshold."""

import json
from pathlib import Path

import pytest

from configs import finetune
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.detect.detector import Detector
from s3rl_jax.evaluate.stream import build_stream
from s3rl_jax.export.export import export
from s3rl_jax.export.file_format import FileFormat
from s3rl_jax.export.joining import joined_thresholds, open_runs
from s3rl_jax.train.run import run
from tests.conftest import WORDS

QUIET = {"noise_probability": 0.0, "reverb_probability": 0.0, "gain_db": (-3.0, 3.0)}


def train_head(chain, word, workdir, **changes):
    config = finetune.get_config("head")
    config.data.corpus, config.init, config.keyword = chain["corpus"], chain["distilled"], word
    config.steps, config.batch_size, config.checkpoint_every, config.encoder_copies = 300, 64, 300, 1
    config.data.window_seconds = 1.2
    config.augment.update(QUIET)
    for name, value in changes.items():
        config[name] = value
    run(config, workdir)
    return str(workdir)


@pytest.fixture(scope="module")
def heads(chain, tmp_path_factory):
    """Workdirs of a head for each word."""
    root = tmp_path_factory.mktemp("heads")
    return [train_head(chain, WORDS[0], root / WORDS[0]), train_head(chain, WORDS[1], root / WORDS[1], steps=20)]


@pytest.fixture(scope="module")
def joined(heads, tmp_path_factory):
    path = tmp_path_factory.mktemp("joined") / "words.tflite"
    return str(path), export(",".join(heads), str(path), FileFormat(streaming=True))


def test_the_second_head_uses_the_outputs_of_the_first(chain, heads):
    folders = list((Path(chain["corpus"]) / "encoder_outputs").iterdir())
    assert len(folders) == 1
    assert len(heads) == 2


def test_the_description_has_the_thresholds_of_each_head(joined):
    path, fields = joined
    written = json.loads(Path(path).with_suffix(".json").read_text())
    assert written["labels"] == ["", *WORDS]
    assert list(written["keywords"]) == list(WORDS)
    for word, scored in zip(WORDS, written["scored"]["heads"], strict=True):
        assert scored["keywords"] == [word]
        assert scored["threshold"] == written["keywords"][word]["threshold"]
        assert scored["frr_change"] == 0
    assert fields["parity_error"] < 1e-4


def test_runs_that_were_not_scored_have_the_default_threshold_each(heads):
    runs = open_runs(",".join(heads))
    unscored = {"scored": {"not": "no test split"}, "threshold": {"default": 0.5}}
    fields = joined_thresholds(runs, [unscored, unscored])
    refractory = runs[0].model.firing.refractory_seconds
    assert fields["keywords"] == {word: {"threshold": {"default": 0.5}, "refractory_seconds": refractory} for word in WORDS}
    with pytest.raises(UserError, match="no operating point in common"):
        joined_thresholds(runs, [unscored, unscored | {"threshold": {"0.5": 0.7}}])


def test_each_head_fires_by_itself_as_it_was_scored(chain, joined):
    path, fields = joined
    stream, detector = build_stream(read_corpus(chain["corpus"], "test"), WORDS[:1]), Detector(path)
    detections = detector.process(stream.audio) + detector.flush()
    seconds = {word: [d.seconds for d in detections if d.keyword == word] for word in WORDS}
    zones = [(word.speech_start / 16_000, word.speech_stop / 16_000 + 1.2) for word in stream.words]  # and one hop more
    detected = sum(any(start < second <= stop for second in seconds[WORDS[0]]) for start, stop in zones)
    missed = fields["scored"]["heads"][0]["frr_at_fa_per_hour"]["0.5"]
    assert detected == pytest.approx((1 - missed) * len(zones), abs=1.1)
    assert detected >= len(zones) / 3


def test_what_cannot_be_joined_is_named(chain, heads, tmp_path):
    out, stream = str(tmp_path / "x.tflite"), FileFormat(streaming=True)
    with pytest.raises(UserError, match=r"another encoder than .*expected heads that were trained on the same one"):
        export(f"{heads[1]},{chain['detector']}", out, stream)
    with pytest.raises(UserError, match="the keywords are alexa, alexa; expected each once"):
        export(f"{heads[0]},{heads[0]}", out, stream)
    with pytest.raises(UserError, match="--c-array, --verifier, --io=int8 or --target=esphome: for one head"):
        export(",".join(heads), out, stream, c_array=True)
    with pytest.raises(UserError, match=r"--report=.*: of one run"):
        export(",".join(heads), out, stream, report=chain["report"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantization_aware": True}, r"config\.quantization_aware=True: expected 0 with config\.encoder=cached"),
        ({"sweep": {"seed": [0, 1]}}, r"config\.sweep: expected no sweep"),
    ],
)
def test_what_a_cache_cannot_do_is_refused(chain, tmp_path, changes, reason):
    with pytest.raises(UserError, match=reason):
        train_head(chain, "alexa", tmp_path / "run", **changes)
