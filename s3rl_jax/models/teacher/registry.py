"""The teacher families, by the `model_type` of a published config.json."""

from s3rl_jax.models.teacher.family import Family, TeacherConfig
from s3rl_jax.models.teacher.wav2vec2_family import WAV2VEC2
from s3rl_jax.models.teacher.whisper import WHISPER

FAMILIES: dict[str, Family] = {"wav2vec2": WAV2VEC2, "hubert": WAV2VEC2, "wavlm": WAV2VEC2, "whisper": WHISPER}


def family_of(config: TeacherConfig) -> Family:
    """The family of a teacher's configuration."""
    return next(family for family in FAMILIES.values() if isinstance(config, family.config_class))
