"""The domain of each field of a configuration, and the check of a whole configuration before it reads anything."""

from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict

from s3rl_jax.audio.front_end import FRONT_ENDS
from s3rl_jax.core.domains import Ascending, Dictionary, Domain, Number, OneOf, Several, Switch, Text, Whole
from s3rl_jax.core.errors import UserError
from s3rl_jax.models.head import POOLINGS

COUNT, POSITIVE_COUNT = Whole(0), Whole(1)
WEIGHT, POSITIVE = Number(0), Number(0, above=True)
SHARE, SHARE_BELOW_1 = Number(0, 1), Number(0, 1, below=True)
SECONDS = Number(0.1, 60)
PRECISION = OneOf(("float32", "bfloat16"))
STUDENTS = ("tiny", "small", "large", "conv", "toy", "conv_toy")
HERTZ = Number(0, 8000, above=True)
DECIBELS = Number(-200, 200)

# By the path of the field. docs/configuration.md shows each domain beside the field's comment.
DOMAINS: dict[str, Domain] = {
    "task": OneOf(("pretrain", "distill", "finetune", "ablation")),
    "seed": COUNT,
    "steps": POSITIVE_COUNT,
    "batch_size": POSITIVE_COUNT,
    "log_every": POSITIVE_COUNT,
    "checkpoint_every": POSITIVE_COUNT,
    "steps_per_dispatch": COUNT,
    "micro_batches": POSITIVE_COUNT,
    "runlocal": Switch(),
    "wandb": Text(),
    "dtype": PRECISION,
    "remat": Switch(),
    "sweep": Dictionary("a dict such as {'loss.gamma': [0, 1], 'seed': [0, 1]}, or None"),
    "mesh.sweep": COUNT,
    "mesh.fsdp": COUNT,
    "data.corpus": Text(),
    "data.starter": Switch(),
    "data.split": Text(filled=True),
    "data.without": Several(Text(filled=True)),
    "data.seed": Whole(-1),
    "data.memory_gib": WEIGHT,
    "data.mixture.corpora": Several(WEIGHT),
    "data.mixture.keyword": WEIGHT,
    "data.mixture.negative": WEIGHT,
    "data.mixture.noise": WEIGHT,
    "data.crop_seconds": SECONDS,
    "data.shortest_seconds": SECONDS,
    "data.fixed_crops": Switch(),
    "data.window_seconds": Number(0.2, 60, zero=True),
    "data.lead_seconds": Number(0, 60),
    "data.hop_seconds": Number(0.01, 60),
    "data.keyword_clips": COUNT,
    "data.context_probability": SHARE,
    "detector.window_seconds": Number(0.2, 60),
    "detector.lead_seconds": Number(0, 60),
    "detector.hop_seconds": Number(0.01, 60),
    "validation.every": COUNT,
    "validation.batches": POSITIVE_COUNT,
    "mining.rounds": COUNT,
    "mining.begin": Number(0, 1, above=True),
    "mining.share": SHARE,
    "mining.windows": POSITIVE_COUNT,
    "mining.threshold": Number(0, 1, above=True),
    "choice.every": COUNT,
    "choice.rate": POSITIVE,
    "choice.snr_db": DECIBELS,
    "choice.hours": Number(0, 100, above=True),
    "model": OneOf(("teacher", "student")),
    "teacher.source": Text(),
    "teacher.revision": Text(),
    "teacher.size": OneOf(("tiny", "base", "toy")),
    "teacher.layers": Text(filled=True),
    "teacher.dtype": PRECISION,
    "teacher.cache": Switch(),
    "teacher.cache_dir": Text(),
    "codebook.kind": OneOf(("auto", "quantizer", "kmeans")),
    "codebook.layer": COUNT,
    "codebook.clusters": Whole(2),
    "codebook.batches": POSITIVE_COUNT,
    "codebook.seed": COUNT,
    "student.size": OneOf((*STUDENTS, "")),
    "student.streaming": Switch(),
    "student.block": POSITIVE_COUNT,
    "student.front_end": OneOf(tuple(FRONT_ENDS)),
    "delay_frames": Whole(0, 25),
    "projection": OneOf(("linear", "mlp")),
    "layer_weights": OneOf(("learned", "equal")),
    "loss.dual_view": WEIGHT,
    "loss.gamma": WEIGHT,
    "loss.code_classes": WEIGHT,
    "loss.own_codebook": WEIGHT,
    "loss.feature_view": WEIGHT,
    "loss.batch_view": WEIGHT,
    "loss.frame_regression": WEIGHT,
    "loss.utterance_regression": WEIGHT,
    "loss.layer_regression": WEIGHT,
    "loss.alpha": WEIGHT,
    "loss.beta": WEIGHT,
    "loss.cosine": WEIGHT,
    "loss.contrastive": WEIGHT,
    "loss.diversity": WEIGHT,
    "loss.feature_penalty": WEIGHT,
    "loss.classification": WEIGHT,
    "centre": Switch(),
    "kappa": POSITIVE,
    "distractors": POSITIVE_COUNT,
    "mask.probability": SHARE,
    "mask.span": POSITIVE_COUNT,
    "mask.separate_pass": Switch(),
    "own_codebook.groups": POSITIVE_COUNT,
    "own_codebook.entries": Whole(2),
    "own_codebook.diversity": WEIGHT,
    "own_codebook.start": POSITIVE,
    "own_codebook.end": POSITIVE,
    "own_codebook.decay": Number(0, 1, above=True),
    "gumbel.start": POSITIVE,
    "gumbel.end": POSITIVE,
    "gumbel.decay": Number(0, 1, above=True),
    "keyword": Text(filled=True),
    "init": Text(),
    "encoder": OneOf(("trained", "frozen", "cached")),
    "encoder_copies": POSITIVE_COUNT,
    "head.pooling": OneOf(tuple(POOLINGS)),
    "measure": OneOf(("stream", "clips")),
    "quantization_aware": Switch(),
    "class_weights": Several(WEIGHT),
    "label_smoothing": SHARE_BELOW_1,
    "focus": Number(0, 10),
    "negative_growth": POSITIVE,
    "preflight": Switch(),
    "export.quantize": OneOf(("none", "dynamic", "int8", "int16x8"), listed=True),
    "export.io": OneOf(("float32", "int8")),
    "export.target": OneOf(("tflm", "esphome", "")),
    "augment.speed_probability": SHARE,
    "augment.speed": Ascending(Number(0.1, 10)),
    "augment.shift_seconds": Number(0, 60),
    "augment.reverb_probability": SHARE,
    "augment.band_probability": SHARE,
    "augment.band_low_hz": Ascending(HERTZ),
    "augment.band_high_hz": Ascending(HERTZ),
    "augment.speech_probability": SHARE,
    "augment.speech_snr_db": Ascending(DECIBELS),
    "augment.noise_probability": SHARE,
    "augment.snr_db": Ascending(DECIBELS),
    "augment.gain_db": Ascending(DECIBELS),
    "augment.pitch_probability": SHARE,
    "augment.pitch": Ascending(Number(0.5, 2)),
    "augment.vocal_tract_probability": SHARE,
    "augment.vocal_tract": Ascending(Number(0.7, 1.4)),
    "spec_augment.time_masks": COUNT,
    "spec_augment.time_width": COUNT,
    "spec_augment.band_masks": COUNT,
    "spec_augment.band_width": COUNT,
    "optimizer.learning_rate": WEIGHT,
    "optimizer.warmup": SHARE_BELOW_1,
    "optimizer.weight_decay": WEIGHT,
    "optimizer.beta1": SHARE_BELOW_1,
    "optimizer.beta2": SHARE_BELOW_1,
    "optimizer.clip": POSITIVE,
    "optimizer.student_rate": WEIGHT,
    "optimizer.student_waits": SHARE_BELOW_1,
    "optimizer.average": SHARE_BELOW_1,
    "seeds": Several(COUNT, different=True),
    "members_at_once": COUNT,
    "other_size": OneOf((*STUDENTS, "")),
    "rows": Dictionary("a dict of a row's name to the fields that it changes"),
    "rows_of_other_size": Several(Text(filled=True)),
    "baseline": Text(filled=True),
    "rate": POSITIVE,
    "conditions": Several(Text(filled=True), different=True),
}
# Sections that hold the fields of another config, with the same domains; "" is the config itself.
SECTIONS = ("", "teacher.pretraining.", "pretrain.", "distill.", "finetune.")
# Pairs of fields whose first must not be greater than the second.
ORDERED = (("own_codebook.end", "own_codebook.start"), ("gumbel.end", "gumbel.start"))


def check_fields(config: ConfigDict) -> None:
    """Checks that every field of a configuration is in its domain. Fields that are not in `DOMAINS` are not checked.

    Raises:
      UserError: names the first field outside its domain.
    """
    values = dict(flat(config))
    for path, value in values.items():
        domain = domain_of(path)
        if domain is not None and value not in domain:
            raise UserError(f"config.{path}={value!r}: expected {domain}")
    for section in SECTIONS:
        for low, high in ((section + low, section + high) for low, high in ORDERED):
            if low in values and high in values and values[low] > values[high]:
                raise UserError(f"config.{low}={values[low]!r}: expected no more than config.{high}={values[high]!r}")


def domain_of(path: str) -> Domain | None:
    """The domain of a field; None for a field that a user added."""
    for section in SECTIONS:
        path = path.removeprefix(section)
    return DOMAINS.get(path)


def flat(config: ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields path and value of each field of a configuration and its sections."""
    for name in config:
        value = config.get(name)
        if isinstance(value, ConfigDict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
