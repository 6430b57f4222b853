"""Students that were distilled from a public teacher: `pretrained.load("tiny")`, or `--config.init=pretrained:tiny`."""

from s3rl_jax.pretrained.student_file import NAMES, Pretrained, load, read

__all__ = ["NAMES", "Pretrained", "load", "read"]
