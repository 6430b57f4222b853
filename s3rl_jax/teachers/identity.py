"""Digests of a teacher and of a corpus, which identify the origin of a cache."""

import hashlib
import json

import jax
import numpy as np

from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.runs.digest import digest


def teacher_digest(teacher: Teacher) -> str:
    """Digest of a teacher's parameters, configuration and dtype."""
    dtypes = sorted({str(leaf.dtype) for leaf in jax.tree.leaves(teacher.params)})
    options = hashlib.sha256(repr((teacher.config, dtypes)).encode()).hexdigest()
    return digest({"params": teacher.params, "options": np.frombuffer(options.encode(), np.uint8)})


def corpus_digest(clips: Clips) -> str:
    """Digest of the ids, kinds and lengths of the recordings."""
    columns = {name: clips.columns[name].tolist() for name in ("id", "kind", "samples")}
    return hashlib.sha256(json.dumps(columns).encode()).hexdigest()[:16]
