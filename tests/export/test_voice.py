"""The field `voice`: against scikit-learn and loops, on tones whose pitch is the speaker's; the file gives the voice of JAX."""

import csv

import numpy as np
import pytest
import soundfile
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from configs import finetune
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.detect.litert import VOICE
from s3rl_jax.export.build import build_file
from s3rl_jax.export.calibration import calls_for
from s3rl_jax.export.file_format import FileFormat, signatures_of
from s3rl_jax.export.parity import run_jax, run_signature
from s3rl_jax.export.voice import equal_error_rate, speaker_cosines, voice_field, voice_space, weighted_quantile
from s3rl_jax.prepare.preparation import prepare
from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.runs.detector import TrainedDetector
from tests.export.test_build import clips_for, untrained

SPEAKERS, RECORDINGS = 12, 5


@pytest.fixture(scope="module")
def speakers(tmp_path_factory):
    """Recordings of one word by speakers of different pitch, some of which say it twice only."""
    root, rng, rows = tmp_path_factory.mktemp("speakers"), np.random.default_rng(0), []
    for speaker in range(SPEAKERS + 2):
        for i in range(RECORDINGS if speaker < SPEAKERS else 2):
            pitch = 200 * 1.3**speaker * rng.uniform(0.99, 1.01)
            word = 0.3 * np.sin(2 * np.pi * pitch * np.arange(9600) / 16_000) * np.hanning(9600)
            name = f"{speaker}_{i}.wav"
            sound = np.concatenate([word, np.zeros(3200)]) + 1e-4 * rng.standard_normal(12_800)
            soundfile.write(root / name, sound.astype(np.float32), 16_000, subtype="PCM_16")
            rows.append({"path": name, "split": "train", "label": "alexa", "speaker": f"speaker{speaker}"})
    with open(root / "manifest.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    prepare(read_source(str(root)), str(root / "corpus"))
    return read_corpus(str(root / "corpus"), "train")


@pytest.fixture(scope="module")
def run():
    model, params = untrained("toy")
    return TrainedDetector("workdir", finetune.get_config(), ("alexa",), model, params, 0)


def test_speakers_that_differ_are_told_apart_and_a_speaker_passes(speakers, run):
    field = voice_field(run, speakers)
    assert field["speakers"] == SPEAKERS + 2
    assert field["equal_error_rate"] < 0.2, "their pitches differ by 30 %"
    assert -1 < field["threshold"] < 1
    assert np.array(field["projection"]).shape == (run.model.student.width, SPEAKERS + 1)
    assert voice_field(run, speakers) == field


def test_too_few_speakers_are_an_error(speakers, run):
    few = speakers.subset(speakers.rows(np.array([str(s) < "speaker4" for s in speakers.columns["speaker"]])))
    with pytest.raises(
        UserError, match=r"--voice: \d speakers with 4 recordings of alexa in the train split; expected at least 10"
    ):
        voice_field(run, few)


def test_the_map_is_that_of_scikit_learn(rng):
    speakers = np.repeat(np.arange(12), 6)
    means = rng.standard_normal((12, 8))[speakers] + 0.3 * rng.standard_normal((2, 72, 8))
    examples = means.reshape(144, 8)
    analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.2).fit(examples, np.tile(speakers, 2))
    expected = analysis.transform(examples - examples.mean(axis=0))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(voice_space(means, speakers).unit(examples), expected, atol=1e-9)


def test_the_figures_are_those_of_loops(rng):
    speakers = np.repeat(np.arange(3), 10)
    units = rng.standard_normal((2, 30, 4))
    units /= np.linalg.norm(units, axis=2, keepdims=True)
    own, others = speaker_cosines(units, speakers)
    assert {len(values) for values in own} == {2 * 7}, "both copies of the recordings that are not enrolled"
    assert {len(values) for values in others} == {2 * 20}
    values, weights = rng.standard_normal(50), rng.random(50)
    place = weighted_quantile(values, weights, 0.1)
    assert weights[values < place].sum() <= 0.1 * weights.sum() <= weights[values <= place].sum()
    strangers = rng.standard_normal(80) - 1
    rates = [(weights[values < t].sum() / weights.sum(), (strangers >= t).mean()) for t in [*values, *strangers]]
    missed, accepted = min(rates, key=lambda pair: abs(pair[0] - pair[1]))
    assert equal_error_rate(values, weights, strangers) == pytest.approx((missed + accepted) / 2, abs=0.02)


@pytest.mark.parametrize(("size", "quantize"), [("toy", "none"), ("conv_toy", "none"), ("toy", "int8")])
def test_a_file_gives_the_voice_of_jax(size, quantize):
    model, params = untrained(size)
    file_format = FileFormat(quantize, streaming=True, voice=True)
    content = build_file(file_format, model, params, clips_for(model, 0)).content
    detect = signatures_of(file_format, model, params)[0]
    calls = calls_for(detect, model, clips_for(model, 7))
    voices, expected = (
        [output[VOICE] for output in run] for run in (run_signature(content, detect, calls), run_jax(detect, calls))
    )
    np.testing.assert_allclose(voices, expected, atol=1e-4 if quantize == "none" else 0.15)
    assert np.abs(expected).max() > 0.3


@pytest.mark.parametrize(
    "changes", [{"container": "onnx"}, {"target": "tflm", "quantize": "int8"}, {"io": "int8", "quantize": "int8"}]
)
def test_a_file_that_cannot_have_a_voice_is_refused(changes):
    with pytest.raises(UserError, match=r"--voice: of a \.tflite that takes samples"):
        signatures_of(FileFormat(streaming=True, voice=True, **changes), *untrained("conv_toy"))
