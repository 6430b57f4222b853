"""Domains of the fields: every config of ours is inside them, nonsense is not."""

import importlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3rl_jax.core.domains import Ascending, Number, OneOf, Several, Switch, Text, Whole
from s3rl_jax.core.errors import UserError
from s3rl_jax.models.student import registry
from s3rl_jax.models.teacher import wav2vec2
from s3rl_jax.train.fields import DOMAINS, check_fields, domain_of, flat

NAMES = ("pretrain", "distill", "finetune", "ablation")
MODULES = {name: importlib.import_module(f"configs.{name}") for name in NAMES}
NUMERIC = sorted(path for path, domain in DOMAINS.items() if isinstance(domain, Number | Whole))


def config_with(path: str):
    """A config that has the field."""
    return next(config for config in (module.get_config() for module in MODULES.values()) if path in dict(flat(config)))


def set_field(config, path: str, value) -> None:
    *sections, name = path.split(".")
    for section in sections:
        config = config[section]
    with config.ignore_type():
        config[name] = value


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_every_variant_is_in_its_domain(name):
    for variant in ("", *MODULES[name].VARIANTS):
        config = MODULES[name].get_config(variant)
        check_fields(config)
        assert [path for path, _ in flat(config) if domain_of(path) is None] == []


def test_every_domain_is_of_a_field_that_a_config_has():
    paths = {path for module in MODULES.values() for path, _ in flat(module.get_config())}
    assert DOMAINS.keys() - paths == set()


def test_the_sizes_are_those_of_the_models():
    assert set(DOMAINS["student.size"].texts) == {*registry.SIZES, ""}
    assert set(DOMAINS["teacher.size"].texts) == set(wav2vec2.SIZES)


@pytest.mark.parametrize("path", NUMERIC)
def test_a_number_that_is_none_is_refused(path):
    for value in (math.nan, math.inf, -math.inf, -300, "many", None, (1, 2)):
        config = config_with(path)
        set_field(config, path, value)
        with pytest.raises(UserError, match=rf"config\.{path}=.*: expected a (whole )?number"):
            check_fields(config)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("augment.speed", (2, 1), "a range (low, high), low no more than high, each a number, 0.1 to 10"),
        ("augment.speed", (1.0,), "a range (low, high)"),
        ("augment.snr_db", (math.nan, 1.0), "a range (low, high)"),
        ("augment.gain_db", 3, "a range (low, high)"),
        ("augment.band_low_hz", (0.0, 400.0), "each a number above 0, at most 8000"),
        ("mask.probability", 1.5, "a number, 0 to 1"),
        ("data.window_seconds", 0.1, "a number, 0.2 to 60, or 0"),
        ("optimizer.warmup", 1.0, "a number from 0 to below 1"),
        ("optimizer.clip", 0.0, "a number above 0"),
        ("own_codebook.end", 2.0, "no more than config.own_codebook.start=1.0"),
        ("gumbel.end", 2.0, "no more than config.gumbel.start=1.0"),
        ("teacher.pretraining.gumbel.end", 2.0, "no more than config.teacher.pretraining.gumbel.start=1.0"),
        ("teacher.pretraining.optimizer.clip", -1.0, "a number above 0"),
        ("encoder", "icy", "trained, frozen or cached"),
        ("student.size", "huge", "tiny, small, large, conv, toy, conv_toy or nothing"),
        ("export.quantize", "int8,int4", "none, dynamic, int8 or int16x8, or several, comma-separated"),
        ("export.quantize", "", "none, dynamic, int8 or int16x8"),
        ("keyword", " ", "a text, not empty"),
        ("data.corpus", "a\nb", "a text, perhaps empty"),
        ("data.corpus", "a\0b", "a text, perhaps empty"),
        ("runlocal", "yes", "True or False"),
        ("sweep", [1], "a dict such as"),
        ("class_weights", (1.0, math.inf), "a tuple, perhaps empty, each a number, 0 or more"),
        ("data.mixture.corpora", (-1.0,), "a tuple, perhaps empty"),
        ("seeds", (1, 1), "a tuple, all different"),
        ("seeds", (), "a tuple, all different"),
        ("finetune.steps", 0, "a whole number, 1 or more"),
    ],
)
def test_nonsense_is_named_with_what_is_expected(path, value, message):
    config = config_with(path)
    set_field(config, path, value)
    with pytest.raises(UserError) as caught:
        check_fields(config)
    assert str(caught.value).startswith(f"config.{path}={value!r}: expected ")
    assert message in str(caught.value)


@given(
    st.sampled_from(sorted(DOMAINS)), st.from_type(object) | st.floats() | st.integers() | st.text() | st.tuples(st.floats())
)
def test_whatever_the_value_it_is_in_the_domain_or_not(path, value):
    assert (value in DOMAINS[path]) in (True, False)


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (Whole(1), (1, 5), (0, 1.0, True, "1", None)),
        (Whole(-1, 3), (-1, 3), (4, -2)),
        (Number(0, 1), (0, 1, 0.5), (-0.1, 1.1, math.nan, True)),
        (Number(0, 1, below=True), (0,), (1,)),
        (Number(0.2, 60, zero=True), (0, 0.0, 0.2, 60), (0.1, -0.1, 61, False, math.nan)),
        (Number(0, above=True), (1e-9, 1e300), (0, math.inf)),
        (Ascending(Number(0)), ((1, 1), [0, 2]), ((2, 1), (1,), 1, ("a", "b"))),
        (Several(Whole(0)), ((), (1, 1)), (1, (-1,), None)),
        (OneOf(("a", "b"), listed=True), ("a", "a,b"), ("", "a,", "c", 1)),
        (Text(), ("", "häuser　a"), ("a\n", 3)),
        (Switch(), (True, False), (0, 1, "True")),
    ],
)
def test_domains(domain, inside, outside):
    assert all(value in domain for value in inside)
    assert not any(value in domain for value in outside)
