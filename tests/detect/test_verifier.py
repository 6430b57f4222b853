"""The second model of a pair: it is asked where the first one would fire, and must agree."""

import numpy as np
import pytest

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import read_model
from s3rl_jax.detect.detector import Detector
from s3rl_jax.detect.firing import FiringRule, FiringState, firings_of_held, lowest, smooth
from s3rl_jax.detect.verifier import Verifier
from s3rl_jax.evaluate.agreement import agreement_of
from s3rl_jax.evaluate.scored_detector import of_file
from tests.export.test_build import STREAMED, untrained, write_untrained

HOPS = 200


def write(folder, name, **fields):
    """An untrained model, which hears the keyword everywhere or nowhere, with its .json."""
    write_untrained(folder / f"{name}.tflite", STREAMED[0], **{"patience": 2, "rearm": 1.0} | fields)
    return str(folder / f"{name}.tflite")


def pair_of(folder, agrees_at, threshold=0.0, **verifier):
    """A pair of one network: the second model is the first one without smoothing."""
    second = write(folder, "second")
    entry = {
        "file": "second.tflite",
        "sha256": read_model(second)[1]["sha256"],
        "agrees_at": agrees_at,
        "keywords": {"alexa": {"threshold": {"0.5": threshold}, "refractory_seconds": 0.0}},
    }
    return write(folder, "first", verifier=entry | verifier)


@pytest.fixture(scope="module")
def audio():
    rng = np.random.default_rng(0)
    hop = untrained("conv_toy")[0].hop
    return (np.repeat(rng.choice([30, 300, 3000], HOPS // 10), 10 * hop) * rng.standard_normal(HOPS * hop)).astype(np.int16)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, audio):
    """Posteriors of the model alone."""
    detector = Detector(write(tmp_path_factory.mktemp("alone"), "alone"))
    detector.process(audio)
    return np.stack(detector.posteriors)


def test_the_second_model_must_agree_where_the_first_would_fire(tmp_path, audio, alone):
    middle = float(np.median(alone[:, 1]))
    path = pair_of(tmp_path, agrees_at=middle, threshold=middle)
    detector, first = Detector(path), read_model(path)[2]
    fired = [round(d.seconds * 16_000 / detector.hop) - 1 for d in detector.process(audio)]
    agrees = agreement_of(Verifier(str(tmp_path / "second.tflite"), first, middle), first, audio, alone)[:, 0]
    assert 0.1 < agrees.mean() < 0.9
    np.testing.assert_array_equal(of_file(path).agreement(audio, alone)[:, 0], agrees)
    scores = smooth(alone)[:, 1]
    expected = firings_of_held(scores, np.where(agrees, lowest(scores, 2), -1.0), middle, 0, 1.0)
    assert fired == expected.tolist()
    assert len(fired) > 1
    assert not Detector(pair_of(tmp_path, agrees_at=1.0)).process(audio)


def test_another_verifier_may_be_given(tmp_path, audio, alone):
    low, second = float(alone[:, 1].min()), write(tmp_path, "second")
    first = write(tmp_path, "first", threshold={"0.5": low})
    agreeing = alone[:, 1].max() >= 0.5
    assert bool(Detector(first, verifier=second).process(audio)) == agreeing
    assert Detector(first).process(audio)


def test_who_is_not_agreed_with_stays_armed_and_may_fire_at_the_next_hop():
    rng = np.random.default_rng(0)
    scores, agrees = rng.random(200).astype(np.float32), rng.random(200) < 0.3
    for rearm in (None, 0.5):
        state = FiringState(FiringRule((0.4,), (3,), 1, patience=2, rearm=rearm))
        steps = [state.step(np.array([1 - s, s]), lambda keyword, hop=hop: bool(agrees[hop])) for hop, s in enumerate(scores)]
        expected = firings_of_held(scores, np.where(agrees, lowest(scores, 2), -1.0), 0.4, 3, rearm)
        assert [hop for hop, step in enumerate(steps) if step.keyword] == expected.tolist()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sha256": "0" * 64}, "not the verifier that .*first.json names"),
        ({"file": "third.tflite"}, "third.tflite: no such file"),
        ({"file": "../second.tflite"}, "verifier=.*: expected an object: file"),
        ({"agrees_at": 2}, "verifier=.*: expected an object: file"),
        ({"keywords": {"banana": {"threshold": {"0.5": 0.1}, "refractory_seconds": 1.0}}}, "keywords=.*: expected the labels"),
    ],
)
def test_a_pair_that_is_none_is_named(tmp_path, change, named):
    with pytest.raises(UserError, match=named):
        Detector(pair_of(tmp_path, **{"agrees_at": 0.5} | change))


def test_a_verifier_of_other_words_is_named(tmp_path):
    first = write(tmp_path, "first")
    with pytest.raises(UserError, match="verifies banana; expected alexa too"):
        Detector(first, verifier=write(tmp_path, "other", labels=["", "banana"]))
    with pytest.raises(UserError, match=r"8000 Hz; .* has 16000 Hz"):
        Detector(first, verifier=write(tmp_path, "slow", sample_rate=8000))
